/* test_ring_small_plain.c - the small ring where nothing masks interrupts: what it refuses. A critical section
   that the program defines for itself, behind the header, is its own affair. */
#define TELEM_NO_POSIX
#include "telem_ring.h"
#if defined(TELEM_CRITICAL_ENTER) || TELEM_RING_SMALL_SHARED
#error "a macro of the user's came from the header"
#endif
#define TELEM_CRITICAL_ENTER(s) ((s) = 1)
#define TELEM_CRITICAL_EXIT(s) ((void)(s))
#define TELEM_IMPLEMENTATION
#include "telem_ring.h"
#include "check.h"

TEST(small_ring_overwrites_only_where_interrupts_can_be_masked) {
    static uint64_t memory[512 / 8];
    telem_ring_small *r = NULL, *again = NULL;
    telem_ring_record rec;
    CHECK_EQ_INT(telem_ring_small_init(&r, memory, sizeof memory, TELEM_RING_OVERWRITE, 0), TELEM_ERR_UNSUPPORTED);
    REQUIRE_OK(telem_ring_small_init(&r, memory, sizeof memory, TELEM_RING_REFUSE, 0));
    CHECK_OK(telem_ring_small_push(r, 1, 2, "abc", 3));
    r->policy = TELEM_RING_OVERWRITE; /* as a program left it that could mask */
    CHECK_EQ_INT(telem_ring_small_attach(&again, memory, sizeof memory), TELEM_ERR_UNSUPPORTED);
    CHECK(again == NULL);
    r->policy = TELEM_RING_REFUSE;
    REQUIRE_OK(telem_ring_small_attach(&again, memory, sizeof memory));
    CHECK_OK(telem_ring_small_peek(again, &rec));
    CHECK(rec.len == 3 && memcmp(rec.data, "abc", 3) == 0);
}

int main(void) {
    RUN(small_ring_overwrites_only_where_interrupts_can_be_masked);
    return CHECK_MAIN_END();
}
