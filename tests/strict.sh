# The warnings that every telem source is free of (sourced by the test scripts).
STRICT="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wstrict-prototypes -Werror"
