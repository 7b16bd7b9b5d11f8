/* A rewritten sender is anybody's text. What is read must be an address; what is made of any text must be read as that again. */
#include <stdlib.h>

#include "auth/srs.h"
#include "message/address.h"

enum { NOW = 1764000000, VALID = 21 * 24 * 3600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[AUTH_SRS_KEY_SIZE];
	struct arena *arena = arena_new();
	struct slice text = slice_make((const char *)data, size), address, made, original, local, domain;
	struct error error;
	auth_srs_read(key, NOW, VALID, text, arena, &original);
	if (address_parse(text, true, arena, &address, &error) && auth_srs_make(key, NOW, address, SLICE("ours.example"), arena, &made)) {
		address_split(made, &local, &domain);
		if (!auth_srs_is(local) || !auth_srs_read(key, NOW, VALID, local, arena, &original))
			abort();
	}
	arena_free(&arena);
	return 0;
}
