/* Fuzzes the reading of other programs' hashes: whatever is taken has a digest long enough not to be met by chance, and costs no more
 * than is stated. What costs more than a moment isn't computed here. */
#include <stdlib.h>

#include "auth/scheme.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_scheme_hash hash;
	struct error error;
	struct slice text = slice_make((const char *)data, size);
	bool read = auth_scheme_read(text, &hash, &error);
	if (read && hash.kind >= SCHEME_DIGEST && (hash.digest.len < SCHEME_DIGEST_MIN || hash.rounds > SCHEME_PBKDF2_ROUNDS_MAX))
		abort();
	if (read && hash.kind >= SCHEME_DIGEST && hash.rounds < 1000)
		auth_scheme_verify(text, SLICE("wonderland"));
	auth_scheme_is_hash(text);
	auth_scheme_free(&hash);
	return 0;
}
