#include "auth/secret.h"

#include <openssl/evp.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/random.h"

enum { TOKEN_BYTES = 32, GROUP = 4 };

static const char letters[32 + 1] = "abcdefghijkmnpqrstuvwxyz23456789";

void auth_secret_make(char text[AUTH_SECRET_SIZE + 1])
{
	char bytes[TOKEN_BYTES];
	struct buf encoded = BUF_SECRET(AUTH_SECRET_SIZE + 2);
	random_bytes(bytes, sizeof bytes);
	base64_encode(slice_make(bytes, sizeof bytes), &encoded);
	for (size_t i = 0; i < AUTH_SECRET_SIZE; i++)
		text[i] = encoded.at[i] == '+' ? '-' : encoded.at[i] == '/' ? '_' : encoded.at[i];
	text[AUTH_SECRET_SIZE] = '\0';
	memory_wipe(bytes, sizeof bytes);
	buf_free(&encoded);
}

struct slice auth_secret_hash(struct slice text, char hash[AUTH_SECRET_HASH_SIZE])
{
	EVP_Digest(text.at, text.len, (unsigned char *)hash, NULL, EVP_sha256(), NULL);
	return slice_make(hash, AUTH_SECRET_HASH_SIZE);
}

void auth_app_password_text(char text[AUTH_APP_PASSWORD_SIZE + 1])
{
	unsigned char bytes[AUTH_APP_CHARACTERS];
	size_t len = 0;
	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < AUTH_APP_CHARACTERS; i++) {
		if (i > 0 && i % GROUP == 0)
			text[len++] = '-';
		text[len++] = letters[bytes[i] % 32];
	}
	text[len] = '\0';
	memory_wipe(bytes, sizeof bytes);
}

bool auth_app_password_read(struct slice typed, char characters[AUTH_APP_CHARACTERS + 1])
{
	size_t len = 0;
	for (size_t i = 0; i < typed.len; i++) {
		char c = ascii_lower(typed.at[i]);
		if (c == '-' || c == ' ')
			continue;
		if (len == AUTH_APP_CHARACTERS || c == '\0' || !strchr(letters, c))
			return false;
		characters[len++] = c;
	}
	characters[len] = '\0';
	return len == AUTH_APP_CHARACTERS;
}
