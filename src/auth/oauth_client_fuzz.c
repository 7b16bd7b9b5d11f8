/* libFuzzer: any bytes as a program's number, which none is, as a redirect URI, and as what is registered: that is read again as it was. */
#include <assert.h>

#include "auth/oauth_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[OAUTH_KEY_SIZE] = "a key";
	struct arena *arena = arena_new();
	struct slice text = slice_make((const char *)data, size), name, redirects;
	struct buf id = BUF(2 * AUTH_CLIENT_ID_MAX);
	assert(!oauth_client_open(key, text, arena, &name, &redirects));
	if (auth_redirect_is_native(text))
		assert(text.len <= AUTH_REDIRECT_MAX && slice_is_printable(text) && slice_find_char(text, '#') == SLICE_NONE && oauth_client_has_redirect(text, text));
	if (size <= AUTH_CREDENTIAL_NAME_MAX && oauth_client_seal(key, text, text, &id))
		assert(oauth_client_open(key, buf_slice(&id), arena, &name, &redirects) && slice_equal(name, text) && slice_equal(redirects, text));
	buf_free(&id);
	arena_free(&arena);
	return 0;
}
