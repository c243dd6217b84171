#!/bin/sh
# Each defect that is seeded in what runs on emulated boards (tests/mcu.sh), on one of them: its test must fail.
exec sh tests/mcu.sh full seeded
