# Behind cost_file's lines of 1,000 channels: what they would take of an STM32F4. Instructions are counted,
# cycles are not: 1.2 to 1.4 of them each is assumed (zero-wait flash by its cache, no division, few branches).
{ print }
/^mcu\.m4\.(O2\.)?(rows|mini)\..*\.1000 / {
    share = $2 * 1000 / 168e6 * 100
    printf "  STM32F4, 168 MHz: 1000 channels at 1 kHz take %.0f .. %.0f %% of it; at most %.1f .. %.1f kHz\n", share * 1.2, share * 1.4, 100 / share / 1.4, 100 / share / 1.2
}
