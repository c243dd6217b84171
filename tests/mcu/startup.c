/* startup.c - vectors, reset and faults for every emulated board. The programs define main() and
   the handlers that they use. A fault ends the emulator with status 99. */
#include "semihost.h"

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
int main(void);
void reset(void);
void fault(void);
void nothing(void);
void on_systick(void);
void on_pendsv(void);
void on_timer1(void);
void on_timer2(void);

#define WEAK(as) __attribute__((weak, alias(as)))
void on_systick(void) WEAK("nothing");
void on_pendsv(void) WEAK("nothing");
void on_timer1(void) WEAK("nothing");
void on_timer2(void) WEAK("nothing");
/* newlib's host files, only in programs that use stdio */
__attribute__((weak)) void initialise_monitor_handles(void) {}
/* After a fault that a program wants to survive (the black box) it resets the machine itself. frame: what the
   core has put onto the stack. */
void on_fault(const uint32_t *frame);
__attribute__((weak)) void on_fault(const uint32_t *frame) {
    (void)frame;
    host_exit(99);
}

void nothing(void) { host_exit(98); }
__attribute__((naked)) void fault(void) { __asm__ volatile("mrs r0, msp\n ldr r1, =on_fault\n bx r1"); }

__attribute__((used, noreturn)) static void start(void) {
    memcpy(data_start, data_load, (size_t)((char *)data_end - (char *)data_start));
    memset(bss_start, 0, (size_t)((char *)bss_end - (char *)bss_start));
    initialise_monitor_handles();
    host_exit(main());
    for (;;) {}
}

__attribute__((naked)) void reset(void) {
#if defined(__ARM_FP)
    __asm__ volatile("ldr r0, =0xE000ED88\n ldr r1, [r0]\n orr r1, r1, #0xF00000\n str r1, [r0]\n dsb\n isb");
#endif
    __asm__ volatile("ldr r0, =stack_top\n mov sp, r0\n bl start");
}

typedef void (*vector)(void);
/* Board interrupts used: mps2 8 9, an505 3 4, nRF51 8 9, STM32F4 28 29. */
#if BOARD == 2
#define IRQ1 3
#elif BOARD == 4
#define IRQ1 28
#else
#define IRQ1 8
#endif
__attribute__((section(".vectors"), used)) const vector vectors[16 + 48] = {
    (vector)(uintptr_t)stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0,
    nothing, fault, 0, on_pendsv, on_systick,
    [16 + IRQ1] = on_timer1, [16 + IRQ1 + 1] = on_timer2,
};
