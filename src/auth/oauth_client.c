#include "auth/oauth_client.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/secret.h"
#include "base/base64.h"
#include "base/memory.h"
#include "base/wire.h"

enum { MAC_SIZE = 16, PAYLOAD_MAX = AUTH_CLIENT_ID_MAX, VERIFIER_MIN = 43, VERIFIER_MAX = 128 };

static void make_mac(const char key[OAUTH_KEY_SIZE], struct slice payload, char mac[MAC_SIZE])
{
	unsigned char whole[EVP_MAX_MD_SIZE];
	unsigned len = sizeof whole;
	HMAC(EVP_sha256(), key, OAUTH_KEY_SIZE, (const unsigned char *)payload.at, payload.len, whole, &len);
	memcpy(mac, whole, MAC_SIZE);
}

/* One text for each bytes: what decodes to the same, and is written in another way, isn't taken. */
static bool decode(struct slice text, struct buf *out)
{
	struct buf plain = BUF(AUTH_CLIENT_ID_MAX + 4), again = BUF(AUTH_CLIENT_ID_MAX + 4);
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(&plain, text.at[i] == '-' ? '+' : text.at[i] == '_' ? '/' : text.at[i]);
	while (plain.len % 4 != 0)
		buf_append_char(&plain, '=');
	bool good = !plain.overflow && base64_decode(buf_slice(&plain), out) && base64_encode_url(buf_slice(out), &again) && slice_equal(buf_slice(&again), text);
	buf_free(&plain);
	buf_free(&again);
	return good;
}

bool oauth_client_seal(const char key[OAUTH_KEY_SIZE], struct slice name, struct slice redirects, struct buf *id)
{
	char mac[MAC_SIZE];
	struct buf payload = BUF(PAYLOAD_MAX);
	wire_put_text(&payload, name);
	wire_put_text(&payload, redirects);
	make_mac(key, buf_slice(&payload), mac);
	buf_append(&payload, slice_make(mac, sizeof mac));
	bool done = !payload.overflow && base64_encode_url(buf_slice(&payload), id) && id->len <= AUTH_CLIENT_ID_MAX;
	buf_free(&payload);
	return done;
}

static bool read_payload(const char key[OAUTH_KEY_SIZE], struct slice bytes, struct arena *arena, struct slice *name, struct slice *redirects)
{
	char mac[MAC_SIZE];
	if (bytes.len < MAC_SIZE)
		return false;
	struct slice payload = slice_sub(bytes, 0, bytes.len - MAC_SIZE);
	make_mac(key, payload, mac);
	if (CRYPTO_memcmp(mac, bytes.at + payload.len, MAC_SIZE) != 0)
		return false;
	struct wire_reader reader = {.rest = payload};
	*name = arena_copy(arena, wire_text(&reader, AUTH_CREDENTIAL_NAME_MAX));
	*redirects = arena_copy(arena, wire_text(&reader, PAYLOAD_MAX));
	return wire_end(&reader);
}

bool oauth_client_open(const char key[OAUTH_KEY_SIZE], struct slice id, struct arena *arena, struct slice *name, struct slice *redirects)
{
	struct buf bytes = BUF(AUTH_CLIENT_ID_MAX);
	bool done = id.len <= AUTH_CLIENT_ID_MAX && decode(id, &bytes) && read_payload(key, buf_slice(&bytes), arena, name, redirects);
	buf_free(&bytes);
	return done;
}

static bool is_same(struct slice registered, struct slice redirect)
{
	struct slice host, path, other_host, other_path;
	if (slice_equal(registered, redirect))
		return true;
	return auth_redirect_is_loopback(registered, &host, &path) && auth_redirect_is_loopback(redirect, &other_host, &other_path) && slice_equal(host, other_host) &&
	       slice_equal(path, other_path);
}

bool oauth_client_has_redirect(struct slice redirects, struct slice redirect)
{
	struct slice one;
	if (!auth_redirect_is_native(redirect))
		return false;
	while (redirects.len > 0) {
		slice_cut(redirects, ' ', &one, &redirects);
		if (is_same(one, redirect))
			return true;
	}
	return false;
}

static bool is_verifier(struct slice verifier)
{
	for (size_t i = 0; i < verifier.len; i++) {
		char c = verifier.at[i];
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '.' && c != '_' && c != '~')
			return false;
	}
	return verifier.len >= VERIFIER_MIN && verifier.len <= VERIFIER_MAX;
}

bool oauth_verifier_fits(struct slice verifier, struct slice challenge)
{
	char hash[AUTH_SECRET_HASH_SIZE];
	struct buf text = BUF(AUTH_CHALLENGE_SIZE + 2);
	bool fits = is_verifier(verifier) && base64_encode_url(auth_secret_hash(verifier, hash), &text) && slice_equal(buf_slice(&text), challenge);
	buf_free(&text);
	return fits;
}
