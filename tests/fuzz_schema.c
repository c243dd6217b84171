/* Any bytes as an encoded schema, as a schema text, and as a row.
   clang -g -O1 -fsanitize=fuzzer,address,undefined -I. tests/fuzz_schema.c -o fuzz_schema && ./fuzz_schema corpus
   cc -DFUZZ_STANDALONE -I. tests/fuzz_schema.c -o fuzz_schema && ./fuzz_schema files...      replays
   The first byte chooses: 0 decode, 1 parse, 2 decode and take the rest as a row. */
#define _POSIX_C_SOURCE 200809L
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include "telem_schema.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) do { if (!(x)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); abort(); } } while (0)

static uint64_t memory[1 << 18], second[1 << 18];
static uint8_t bytes[TELEM_MAX_ENCODING];
static char text[1 << 20];

/* A schema that was accepted must stand every use, and both its forms must lead back to it. */
static void use(const telem_schema *s) {
    const telem_schema *again = NULL;
    telem_columns it;
    telem_column c;
    uint32_t row = 0;
    int64_t n = telem_schema_encode(s, 0, bytes, sizeof bytes);
    size_t len;
    MUST(telem_schema_check(s, NULL) == TELEM_OK);
    MUST(n > 0);
    for (telem_columns_begin(&it, s); telem_columns_next(&it, &c); row += c.width * c.count) MUST(c.row == row);
    MUST(row == telem_schema_row_size(s));
    len = telem_schema_print(s, text, sizeof text);
    if (len >= sizeof text) return;
    if (telem_schema_parse_bytes(text, len, NULL) > (int64_t)sizeof second) return;
    MUST(telem_schema_parse(text, len, second, sizeof second, &again, NULL) == TELEM_OK);
    MUST(telem_schema_encode(again, 0, text, sizeof text) == n && memcmp(text, bytes, (size_t)n) == 0);
}

static const telem_schema *decode(const uint8_t *data, size_t size) {
    const telem_schema *s = NULL;
    int64_t need = telem_schema_decode_bytes(data, size, NULL);
    MUST(need < 0 || (uint64_t)need < 64 * size + 1000); /* memory is bounded by the input */
    if (need < 0 || (uint64_t)need > sizeof memory) return NULL;
    MUST(telem_schema_decode(data, size, memory, sizeof memory, &s, NULL) == TELEM_OK);
    use(s);
    MUST(telem_schema_encode(s, 0, bytes, sizeof bytes) == (int64_t)size && memcmp(bytes, data, size) == 0);
    return s;
}

static void parse(const uint8_t *data, size_t size) {
    const telem_schema *s = NULL;
    telem_error err = TELEM_ZERO;
    telem_result r = telem_schema_parse((const char *)data, size, memory, sizeof memory, &s, &err);
    if (r == TELEM_OK) use(s);
    else MUST(err.code == r && err.what && err.offset <= size);
}

/* The encoding's length stands in front, in two bytes; behind it the row. */
static void row_of(const uint8_t *data, size_t size) {
    static uint8_t rec[1 << 20], row[1 << 16], once[1 << 16];
    size_t n = size < 2 ? 0 : telem_get16(data), row_size;
    const telem_schema *s = size < 2 || n > size - 2 ? NULL : decode(data + 2, n);
    if (!s || s->size > sizeof rec || telem_schema_row_size(s) > sizeof row) return;
    row_size = telem_schema_row_size(s);
    memset(row, 0, row_size);
    memcpy(row, data + 2 + n, size - 2 - n < row_size ? size - 2 - n : row_size);
    (void)telem_row_print_json(s, row, TELEM_PRINT_INT64_STRING, text, sizeof text);
    (void)telem_row_print_text(s, row, TELEM_PRINT_UNITS, text, sizeof text);
    (void)telem_row_print_csv(s, row, 0, text, sizeof text);
    if (telem_schema_unpack(s, row, rec) != TELEM_OK) return;
    MUST(telem_schema_pack(s, rec, once) == TELEM_OK);
    MUST(telem_schema_unpack(s, once, rec) == TELEM_OK);
    MUST(telem_schema_pack(s, rec, row) == TELEM_OK && memcmp(row, once, row_size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    if (data[0] == 0) (void)decode(data + 1, size - 1);
    else if (data[0] == 1) parse(data + 1, size - 1);
    else if (data[0] == 2) row_of(data + 1, size - 1);
    return 0;
}

#ifdef FUZZ_STANDALONE
int main(int argc, char **argv) {
    static uint8_t data[1 << 20];
    int i;
    for (i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t n;
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        n = fread(data, 1, sizeof data, f);
        fclose(f);
        (void)LLVMFuzzerTestOneInput(data, n);
    }
    printf("%d files replayed\n", argc - 1);
    return 0;
}
#endif
