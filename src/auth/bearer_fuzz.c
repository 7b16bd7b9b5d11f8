/* libFuzzer: any bytes as a message of OAUTHBEARER and of XOAUTH2. What is read of it is a token, and no longer than it. */
#include <assert.h>

#include "auth/bearer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct sasl_bearer *bearer, size_t size)
{
	assert(bearer->token.len > 0 && slice_is_printable(bearer->token) && slice_find_char(bearer->token, ' ') == SLICE_NONE);
	assert(bearer->token.len + bearer->name.len < size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct sasl_bearer bearer;
	struct slice message = slice_make((const char *)data, size);
	if (sasl_bearer_parse(message, arena, &bearer))
		check(&bearer, size);
	if (sasl_xoauth2_parse(message, &bearer))
		check(&bearer, size);
	arena_free(&arena);
	return 0;
}
