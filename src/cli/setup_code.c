/* The code of `pombal setup`, and the certificate by which its page is known; see setup.h. */
#include "cli/setup.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "base/random.h"

enum { GROUP = 4 };
static const char alphabet[] = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"; /* none that is mistaken for another */

void cli_setup_code_make(char out[CLI_SETUP_CODE_SIZE])
{
	size_t len = 0;
	for (int i = 0; i < CLI_SETUP_CODE_SIGNS; i++) {
		if (i > 0 && i % GROUP == 0)
			out[len++] = '-';
		out[len++] = alphabet[random_below(sizeof alphabet - 1)];
	}
	out[len] = '\0';
}

/* The signs alone. False: they aren't as many as a code has. */
static bool read_signs(struct slice text, char out[CLI_SETUP_CODE_SIGNS])
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == ' ' || text.at[i] == '-' || text.at[i] == '\n')
			continue;
		if (count == CLI_SETUP_CODE_SIGNS)
			return false;
		out[count++] = ascii_upper(text.at[i]);
	}
	return count == CLI_SETUP_CODE_SIGNS;
}

bool cli_setup_code_fits(struct slice code, struct slice typed)
{
	char wanted[CLI_SETUP_CODE_SIGNS], given[CLI_SETUP_CODE_SIGNS];
	return read_signs(code, wanted) && read_signs(typed, given) && CRYPTO_memcmp(wanted, given, sizeof wanted) == 0;
}

void cli_setup_fingerprint(struct slice pem, char out[CLI_FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	BIO *memory = BIO_new_mem_buf(pem.at, (int)pem.len);
	X509 *certificate = memory ? PEM_read_bio_X509(memory, NULL, NULL, NULL) : NULL;
	out[0] = '\0';
	if (certificate && X509_digest(certificate, EVP_sha256(), digest, &size) == 1 && size * 3 <= CLI_FINGERPRINT_SIZE)
		for (unsigned i = 0; i < size; i++)
			snprintf(out + i * 3, CLI_FINGERPRINT_SIZE - i * 3, i + 1 < size ? "%02X:" : "%02X", digest[i]);
	X509_free(certificate);
	BIO_free(memory);
}
