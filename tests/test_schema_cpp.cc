// The table macros, the form for existing structs and the implementation as C++11.
//   c++ -std=c++11 -I. -Itests tests/test_schema_cpp.cc -o test_schema_cpp
#define TELEM_STATIC
#define TELEM_IMPLEMENTATION
#include "telem_schema.h"
#include "check.h"

TELEM_LABELS(modes, {0, "OFF"}, {1, "ON"});
#define VEC_TABLE(F) F(FIELD, f32, x, "m", "east") F(FIELD, f32, y, "m", "north")
TELEM_DEFINE(Vec, VEC_TABLE, "a place");
#define IMU_TABLE(F) \
    F(COUNT, u32, n, "sequence number") \
    F(FIELD, bool, ok, NULL, "self test") \
    F(SCALED, i16, gx, "deg/s", 0.5, 0.0, "gyro") \
    F(ENUM, u8, mode, modes, "mode") \
    F(STRING, text, 8, "text") \
    F(STRUCTS, Vec, path, 2, "way") \
    F(FULL, f64, lat, 0, "deg", 1.0, 0.0, TELEM_DECIMALS(7), TELEM_INDEX, "latitude") \
    F(OPT, f32, temp, "degC", "temperature")
TELEM_DEFINE(Imu, IMU_TABLE, "inertial unit");

struct Old {
    float a;
    bool b;
    unsigned short c[2];
    Vec v;
};
TELEM_DESCRIBE(old_schema, Old, "old", "d", TELEM_MEMBER(Old, a, f32, "m", "a"), TELEM_MEMBER(Old, b, bool, NULL, "b"),
               TELEM_MEMBER_ARRAY(Old, c, u16, NULL, "c"), TELEM_MEMBER_STRUCT(Old, v, Vec_schema, "v"));

TEST(table_works_in_cpp) {
    Imu imu = TELEM_ZERO, back = TELEM_ZERO;
    uint8_t row[100];
    char text[300];
    imu.n = 5, imu.ok = true, imu.gx = -3, imu.mode = 1, imu.text.len = 2, imu.text.data[0] = 'h', imu.text.data[1] = 'i';
    imu.path[1].y = 2.5f, imu.lat = 47.5;
    CHECK_OK(telem_schema_check(&Imu_schema, NULL));
    REQUIRE(telem_schema_row_size(&Imu_schema) <= sizeof row);
    REQUIRE_OK(telem_schema_pack(&Imu_schema, &imu, row));
    telem_row_print_text(&Imu_schema, row, TELEM_PRINT_UNITS, text, sizeof text);
    CHECK_STR(text, "n=5 ok=true gx=-1.5deg/s mode=ON text=\"hi\" path=[{x=0m y=0m},{x=0m y=2.5m}] lat=47.5deg");
    REQUIRE_OK(telem_schema_unpack(&Imu_schema, row, &back));
    CHECK(back.path[1].y == 2.5f && back.ok && back.has_temp == 0);
}

TEST(existing_struct_works_in_cpp) {
    Old old = TELEM_ZERO;
    uint8_t row[32];
    char text[100];
    old.a = 1, old.b = true, old.c[1] = 7, old.v.x = 2;
    CHECK_OK(telem_schema_check(&old_schema, NULL));
    REQUIRE_OK(telem_schema_pack(&old_schema, &old, row));
    telem_row_print_json(&old_schema, row, 0, text, sizeof text);
    CHECK_STR(text, "{\"a\":1,\"b\":true,\"c\":[0,7],\"v\":{\"x\":2,\"y\":0}}");
}

int main() {
    RUN(table_works_in_cpp);
    RUN(existing_struct_works_in_cpp);
    return CHECK_MAIN_END();
}
