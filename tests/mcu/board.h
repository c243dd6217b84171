/* board.h - the little that differs between the emulated boards: three interrupt timers and a UART.
   BOARD is one of the numbers below. Timer 0 is SysTick everywhere. Periods are nanoseconds of the
   emulator's clock; under -icount shift=n an instruction takes 2^n of them. */
#ifndef BOARD_H
#define BOARD_H
#include <stdint.h>

#define BOARD_MPS2 1     /* mps2-an385 M3, an386 M4F, an500 M7F: 25 MHz */
#define BOARD_MPS2_M33 2 /* mps2-an505 M33: 20 MHz */
#define BOARD_MICROBIT 3 /* nRF51, M0: 16 MHz */
#define BOARD_STM32F4 4  /* netduinoplus2, STM32F405 */

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ENABLE(n) (REG(0xE000E100u + 4u * ((n) / 32u)) = 1u << ((n) % 32u))
#define NVIC_DISABLE(n) (REG(0xE000E180u + 4u * ((n) / 32u)) = 1u << ((n) % 32u))
#define NVIC_UNPEND(n) (REG(0xE000E280u + 4u * ((n) / 32u)) = 1u << ((n) % 32u))

/* Nanoseconds in ticks of timer i. */
#if BOARD == BOARD_MPS2
#define TICK(i, ns) ((ns) / 40u)
#define TIMER_IRQ(i) (7u + (unsigned)(i)) /* 8, 9: CMSDK APB timers */
#define TIMER_BASE(i) (0x40000000u + 0x1000u * ((unsigned)(i) - 1u))
#define UART_BASE 0x40004000u
#elif BOARD == BOARD_MPS2_M33
#define TICK(i, ns) ((ns) / 50u)
#define TIMER_IRQ(i) (2u + (unsigned)(i)) /* 3, 4 */
#define TIMER_BASE(i) (0x50000000u + 0x1000u * ((unsigned)(i) - 1u))
#define UART_BASE 0x50200000u
#elif BOARD == BOARD_MICROBIT
#define TICK(i, ns) ((ns) * 2u / 125u)
#define TIMER_IRQ(i) (7u + (unsigned)(i)) /* 8, 9: nRF51 TIMER0, TIMER1 */
#define TIMER_BASE(i) (0x40008000u + 0x1000u * ((unsigned)(i) - 1u))
#define UART_BASE 0x40002000u
#elif BOARD == BOARD_STM32F4
#define TICK(i, ns) ((i) == 0 ? (ns) * 21u / 125u : (ns)) /* 168 MHz, and 1 GHz as QEMU has it */
#define TIMER_IRQ(i) (27u + (unsigned)(i)) /* 28, 29: TIM2, TIM3 */
#define TIMER_BASE(i) (0x40000000u + 0x400u * ((unsigned)(i) - 1u))
#define UART_BASE 0x40011000u
#else
#error "board.h: define BOARD"
#endif

/* A sweep's step in ticks of timer 0: 40 ns where ticks are shorter, clearly less than an instruction of 64. */
#define SWEEP_STEP (TICK(0, 40000u) < 1000u ? 1u : TICK(0, 40000u) / 1000u)

/* 0 is the most urgent; Cortex-M0 has four levels (the two high bits). */
static inline void irq_priority(unsigned irq, unsigned level) {
    volatile uint32_t *word = &REG(0xE000E400u + (irq & ~3u));
    unsigned shift = 8u * (irq & 3u);
    *word = (*word & ~(0xFFu << shift)) | level << (shift + 6u);
}
static inline void systick_priority(unsigned level) {
    REG(0xE000ED20) = (REG(0xE000ED20) & 0x00FFFFFFu) | level << 30;
}

static inline void timer_start(int i, uint32_t ns, unsigned level) {
    uint32_t period = TICK(i, ns);
    if (i == 0) {
        systick_priority(level);
        SYST_RVR = period, SYST_CVR = 0, SYST_CSR = 7;
        return;
    }
    irq_priority(TIMER_IRQ(i), level);
#if BOARD == BOARD_MPS2 || BOARD == BOARD_MPS2_M33
    REG(TIMER_BASE(i) + 8) = period, REG(TIMER_BASE(i) + 4) = period, REG(TIMER_BASE(i)) = 9;
#elif BOARD == BOARD_MICROBIT
    REG(TIMER_BASE(i) + 0x504) = 0, REG(TIMER_BASE(i) + 0x508) = 3; /* timer mode, 32 bits (TIMER0) */
    REG(TIMER_BASE(i) + 0x510) = 0, REG(TIMER_BASE(i) + 0x540) = period;
    REG(TIMER_BASE(i) + 0x200) = 1, REG(TIMER_BASE(i) + 0x304) = 1u << 16; /* clear at compare 0, interrupt */
    REG(TIMER_BASE(i) + 0xC) = 1, REG(TIMER_BASE(i)) = 1;
#elif BOARD == BOARD_STM32F4
    REG(TIMER_BASE(i) + 0x28) = 0, REG(TIMER_BASE(i) + 0x2C) = period, REG(TIMER_BASE(i) + 0x24) = 0;
    REG(TIMER_BASE(i) + 0x0C) = 1, REG(TIMER_BASE(i)) = 1;
#endif
    NVIC_ENABLE(TIMER_IRQ(i));
}

/* First line of the handler of timer i. */
static inline void timer_acknowledge(int i) {
    if (i == 0) return;
#if BOARD == BOARD_MPS2 || BOARD == BOARD_MPS2_M33
    REG(TIMER_BASE(i) + 0xC) = 1;
#elif BOARD == BOARD_MICROBIT
    REG(TIMER_BASE(i) + 0x140) = 0;
#elif BOARD == BOARD_STM32F4
    REG(TIMER_BASE(i) + 0x10) = 0;
    REG(TIMER_BASE(i) + 0x24) = 0; /* QEMU forgets the next alarm when this handler came late */
#endif
}

static inline void timer_stop(int i) {
    if (i == 0) { SYST_CSR = 0; return; }
#if BOARD == BOARD_MICROBIT
    REG(TIMER_BASE(i) + 4) = 1;
#else
    REG(TIMER_BASE(i)) = 0;
#endif
    timer_acknowledge(i);
    NVIC_DISABLE(TIMER_IRQ(i));
    NVIC_UNPEND(TIMER_IRQ(i));
}

static inline void uart_start(void) {
#if BOARD == BOARD_MPS2 || BOARD == BOARD_MPS2_M33
    REG(UART_BASE + 0x10) = 16, REG(UART_BASE + 8) = 1;
#elif BOARD == BOARD_MICROBIT
    REG(UART_BASE + 0x500) = 4, REG(UART_BASE + 8) = 1;
#elif BOARD == BOARD_STM32F4
    REG(UART_BASE + 0x0C) = 0x2008;
#endif
}
static inline void uart_put(uint8_t byte) {
#if BOARD == BOARD_MPS2 || BOARD == BOARD_MPS2_M33
    while (REG(UART_BASE + 4) & 1u) {}
    REG(UART_BASE) = byte;
#elif BOARD == BOARD_MICROBIT
    REG(UART_BASE + 0x11C) = 0, REG(UART_BASE + 0x51C) = byte;
    while (!REG(UART_BASE + 0x11C)) {}
#elif BOARD == BOARD_STM32F4
    while (!(REG(UART_BASE) & 0x80u)) {}
    REG(UART_BASE + 4) = byte;
#endif
}
#endif
