/* encoded.h - what telem_file_small_print makes of small_file.c's schemas (HOST, PRINT) */
static const uint8_t R8_encoded_payload[] = {
    0, 0, 2, 82, 56, 0, 148, 69, 177, 199, 184, 26, 100, 53, 33, 1, 11, 2, 82, 56, 1, 12, 64, 1, 
    118, 1, 109, 8, 19, 0, 1, 0, 0, 12, 101, 105, 103, 104, 116, 32, 102, 108, 111, 97, 116, 115, 0, 0};
static const telem_file_run R8_encoded_runs[] = {{0, 0, 8, 12, 4, 0, 0}};
static const telem_file_encoded R8_encoded = {R8_encoded_payload, R8_encoded_runs, 48, 1, 32, 8, 79, 32, 17812, 0};
enum { R8_encoded_row = 32 };
enum { R8_encoded_columns = 8 };
enum { R8_encoded_worst = 79 };
#define R8_encoded_FITS(T) (sizeof(T) == 32 && \
    offsetof(T, v[0]) == 0 && sizeof(((T *)0)->v[0]) == 4 && TELEM_I_IS_KIND(T, v[0], 1, 1))
static const uint8_t Motion_encoded_payload[] = {
    0, 0, 6, 77, 111, 116, 105, 111, 110, 0, 247, 191, 88, 239, 112, 11, 251, 73, 133, 1, 1, 101, 6, 77, 
    111, 116, 105, 111, 110, 6, 4, 4, 1, 110, 0, 7, 192, 5, 97, 99, 99, 101, 108, 5, 109, 47, 115, 94, 
    50, 3, 123, 20, 174, 71, 225, 122, 132, 63, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 5, 97, 110, 
    103, 108, 101, 3, 114, 97, 100, 12, 192, 4, 118, 111, 108, 116, 1, 86, 2, 0, 0, 0, 0, 0, 0, 240, 
    63, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 5, 97, 114, 109, 101, 100, 0, 2, 0, 4, 109, 111, 
    100, 101, 0, 29, 0, 1, 0, 0, 7, 115, 97, 109, 112, 108, 101, 115, 0, 0, 0, 0, 0, 0, 0, 0, 
    0, 0, 0, 0, 0, 0, 0, 0, 0};
static const telem_file_run Motion_encoded_runs[] = {{0, 0, 1, 4, 4, 1, 0}, {4, 4, 3, 7, 2, 0, 0}, {16, 10, 1, 13, 8, 0, 0}, {24, 18, 2, 12, 4, 0, 3}, {32, 26, 1, 1, 1, 0, 0}, {33, 27, 1, 2, 1, 0, 0}};
static const telem_file_encoded Motion_encoded = {Motion_encoded_payload, Motion_encoded_runs, 153, 6, 28, 9, 84, 40, 49143, 1};
enum { Motion_encoded_row = 28 };
enum { Motion_encoded_columns = 9 };
enum { Motion_encoded_worst = 84 };
#define Motion_encoded_FITS(T) (sizeof(T) == 40 && \
    offsetof(T, n) == 0 && sizeof(((T *)0)->n) == 4 && TELEM_I_IS_KIND(T, n, 0, 0) && \
    offsetof(T, accel[0]) == 4 && sizeof(((T *)0)->accel[0]) == 2 && TELEM_I_IS_KIND(T, accel[0], 0, 1) && \
    offsetof(T, angle) == 16 && sizeof(((T *)0)->angle) == 8 && TELEM_I_IS_KIND(T, angle, 1, 1) && \
    offsetof(T, volt[0]) == 24 && sizeof(((T *)0)->volt[0]) == 4 && TELEM_I_IS_KIND(T, volt[0], 1, 1) && \
    offsetof(T, armed) == 32 && sizeof(((T *)0)->armed) == 1 && \
    offsetof(T, mode) == 33 && sizeof(((T *)0)->mode) == 1 && TELEM_I_IS_KIND(T, mode, 0, 0))
