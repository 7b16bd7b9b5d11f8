/* The rows of roles.def as the server works by them. */
#include "main/role.h"
#include "smtp/smtp.h"

const struct role_row role_rows[ROLE_COUNT] = {
#define ROLE(NAME, name, ...) [ROLE_##NAME] = {.main = role_##name##_main, __VA_ARGS__},
#include "config/roles.def"
};

#define SERVICE(NAME, name, role, which, kind, ...) extern const struct net_protocol which##_protocol;
#include "config/roles.def"

const struct serving serving_rows[SERVICE_COUNT] = {
#define SERVICE(NAME, name, role, which, what, ...) [SERVICE_##NAME] = {&which##_protocol, what},
#include "config/roles.def"
};

const struct channel_row channel_rows[CHANNEL_COUNT] = {
#define CHANNEL(KIND, FROM, TO) {CHANNEL_##KIND, ROLE_##FROM, ROLE_##TO},
#include "config/roles.def"
};
