/* port.h - all that the examples in this directory ask of a board: ten functions to fill in, and three that
   your interrupt callbacks call. Behind each stands what it is with ST's HAL; handles are CubeMX's names. */
#ifndef PORT_H
#define PORT_H
#include <stdint.h>

#ifndef PORT_HZ
#define PORT_HZ 1000000u /* ticks per second of port_ticks, */
#define PORT_BITS 32u    /* which wraps at 2^PORT_BITS */
#endif
#define PORT_SECTOR 512u

uint32_t port_ticks(void);                  /* return __HAL_TIM_GET_COUNTER(&htim2); or DWT->CYCCNT */
void port_timer(uint32_t hz);               /* HAL_TIM_Base_Start_IT(&htim6) */
void port_sample(uint16_t *to, uint32_t n); /* HAL_ADC_Start_DMA(&hadc1, (uint32_t *)to, n) */
void port_send(const void *p, uint32_t n);  /* HAL_UART_Transmit_DMA(&huart3, p, n) */
void port_clean(const void *p, uint32_t n); /* M7: SCB_CleanDCache_by_Addr; without a data cache: empty */
void port_invalidate(void *p, uint32_t n);  /* M7: SCB_InvalidateDCache_by_Addr; else empty */
int port_sectors_write(uint32_t first, const void *p, uint32_t n); /* HAL_SD_WriteBlocks(&hsd1, p, first, n, 1000) ==
                                               HAL_OK, then wait: HAL_SD_GetCardState == HAL_SD_CARD_TRANSFER */
int port_sectors_read(uint32_t first, void *p, uint32_t n); /* the same with HAL_SD_ReadBlocks. 1: done, 0: failed */
int port_wait(void);                        /* __WFI(); return 1. (0 ends the program: a test does.) */
void port_reset(void);                      /* NVIC_SystemReset() */

/* The examples define those that they need. */
void port_on_timer(void);  /* called by HAL_TIM_PeriodElapsedCallback */
void port_on_sample(void); /* HAL_ADC_ConvCpltCallback */
void port_on_sent(void);   /* HAL_UART_TxCpltCallback */
#endif
