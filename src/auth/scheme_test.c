/* Unit tests of the hashes of other programs. Those here were made by crypt(3) through Perl and by Python's hashlib, in the forms of
 * Dovecot, OpenLDAP, 389 Directory Server, passlib and Django; the password is "wonderland". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/password.h"
#include "auth/scheme.h"
#include "base/clock.h"

#define SHA512_CRYPT "$6$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr."
#define SCRAM_KEYS "c2FsdHNhbHQ=,mxRGgNCky0Hiz7O3ncpqBt5EGKzXDjEegs0yAsiDFDc=,lWtoIsjTMD/Y67qC8KmDvl82JDbcCxJfVAvSjOBJ0Hg="

static const char *const good[] = {
	SHA512_CRYPT,
	"$6$rounds=5000$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr.",
	"{SHA512-CRYPT}" SHA512_CRYPT, "{CRYPT}" SHA512_CRYPT, "{crypt}" SHA512_CRYPT,
	"$5$saltsalt$IeaomH1t0t79ShF5t59ZywXLL/dm2jA/3vpoR6EMo74", "{SHA256-CRYPT}$5$saltsalt$IeaomH1t0t79ShF5t59ZywXLL/dm2jA/3vpoR6EMo74",
	"$1$saltsalt$rMIqYVCXYNdPxX2s/bKpR0", "{MD5-CRYPT}$1$saltsalt$rMIqYVCXYNdPxX2s/bKpR0", "{MD5}$1$saltsalt$rMIqYVCXYNdPxX2s/bKpR0",
	"$2y$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW", "$2a$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW",
	"$2b$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW", "{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW",
	"$y$j9T$abcdefghijklmnop$TEjqn/axP6s2k870Y8qmsWKT4abEwlBzgTkuGZBqaR6",
	"$gy$j9T$abcdefghijklmnop$kuxBpD1Y2IK7l1x1n8vHJlPXOqIM6In.ai8QwyA.sZ1",
	"{SSHA}XcU7ZD+ozcY0NqLtsKNvy+uzXtpzYWx0c2FsdA==", "{ssha}XcU7ZD+ozcY0NqLtsKNvy+uzXtpzYWx0c2FsdA",
	"{SSHA256.hex}979463a22042e0da4dda58bfc0e4a8da145da1e1d6594fcb72f4eca47309e9ea73616c7473616c74",
	"{SSHA512}2LejbFXDKLjMKP5Xktbv2hrl0Oid8v2qPekUzpXXK9LVwpagU0cMIw3bVHk/z/fiK3Sk991vEIkiGCpBDOUnzHNhbHRzYWx0",
	"{SSHA512.b64}2LejbFXDKLjMKP5Xktbv2hrl0Oid8v2qPekUzpXXK9LVwpagU0cMIw3bVHk/z/fiK3Sk991vEIkiGCpBDOUnzHNhbHRzYWx0",
	"{SMD5}k/aDCaOLmZHiRJyXcY3NSXNhbHRzYWx0", "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=", "{SHA1.base64}tiY7sUhYKUwI5L3866kDY+ENcrQ=",
	"{SHA256}pxp8cBH1OhurNkLsLOElk/BSMKzo3h4+dkX2nvrBRD0=",
	"{SHA512.b64}ku0fDfoQrWtagdEFYHEbjQ9c9VgiIcfBTHy9WUlYxzC0akkZeapved5X1TI3/zY9iEZNFBBxylKvMcYzgvbHpg==",
	"{PLAIN-MD5}4cecaff2b30bbe75ce7322109164cfb5", "{PLAIN-MD5}4CECAFF2B30BBE75CE7322109164CFB5", "{LDAP-MD5}TOyv8rMLvnXOcyIQkWTPtQ==",
	"{MD5}TOyv8rMLvnXOcyIQkWTPtQ==",
	"{PBKDF2}$1$saltsaltsaltsalt$5000$0c88ea0cc2df660eb405d426bae433111b53955b",
	"$pbkdf2-sha256$29000$c2FsdHNhbHQ$1hFTxZWobIPFjXxZf5HLGW5JLZD.FgEziPNsBT.DWjU",
	"$pbkdf2-sha512$25000$c2FsdHNhbHQ$tb2/eH71ZLlGZrRIREszjg0wxt4Rgb2iorLVf.ehYoaE5B6qmEUWSuBGVXTeSTzFVFKYvK5UQHiALrhQTn5aFA",
	"$pbkdf2$20000$c2FsdHNhbHQ$DP1X7mP1EbbdvJB.e3RlcWo0g3U",
	"{PBKDF2-SHA256}10000$c2FsdHNhbHQ=$1I59ykXdCc94i3+C5KmZQRdx0FZZ+LVcORHbDoPsmho=",
	"pbkdf2_sha256$20000$saltsalt$e33FSCiONmJqg2OM7tdGIKMY5Ow7tqIN3El8GFJOaE8=",
	"{PBKDF2_SHA256}AAAIAHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHRuTJTwjC+67hIh6pMZn9fmiX6ap/A/"
	"XerptfWyxX5iciTSnGSEKsx5MKWSYVZ7uVp3AnJqwJACP8jlqDFRB1a8AeGKokz57QxItmanWMVmh1CeioB3gEcmBeq88nZqtCcb4dgfGWXECtQMYjswzB8o6j/NUXHkcRysWtrB"
	"XhJEgtS/hP7iLSbeK+Fa38EQpj4TK/YbP0jyeIUD+OWNVtGlsncCO6ugmuTQEON0sjCprxHtFrhwFqrq8rcsdrgkB2mLYdsV3IxAi5lVju9Y2xEY0i+rh/vKdTId03hHDm2S7Jb7"
	"Q4Pp40b0EC1tWPU6FkxZR7/QivI/aATjQn/oxQt4",
	"{SCRAM-SHA-256}4096," SCRAM_KEYS,
};

static void known_hashes_are_verified(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct auth_scheme_hash hash;
		struct error error = {0};
		if (!auth_scheme_read(slice_of(good[i]), &hash, &error))
			fail_msg("%s: %s", good[i], error.text);
		auth_scheme_free(&hash);
		assert_true(auth_scheme_is_hash(slice_of(good[i])));
		if (!password_verify(slice_of(good[i]), SLICE("wonderland")))
			fail_msg("%s isn't verified", good[i]);
		assert_false(password_verify(slice_of(good[i]), SLICE("Wonderland")));
		assert_false(password_verify(slice_of(good[i]), SLICE("wonderland ")));
		assert_false(password_verify(slice_of(good[i]), SLICE("")));
		assert_false(password_verify(slice_of(good[i]), SLICE("wonderland\0")));
	}
}

/* A hash from which something is missing is refused, or is nobody's: never everybody's. */
static void cut_hashes_are_nobodys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		for (size_t len = 0; len < strlen(good[i]); len += 1 + len / 8) {
			struct slice cut = slice_make(good[i], len);
			struct auth_scheme_hash hash;
			struct error error;
			bool read = auth_scheme_read(cut, &hash, &error);
			assert_true(!read || hash.kind == SCHEME_CLEAR || hash.kind == SCHEME_CRYPT || hash.digest.len >= SCHEME_DIGEST_MIN);
			auth_scheme_free(&hash);
			if (good[i][len] != '=') /* the padding of base64 may be missing */
				assert_false(password_verify(cut, SLICE("wonderland")));
			assert_false(password_verify(cut, SLICE("")));
		}
}

static void refused(const char *text, const char *words)
{
	struct auth_scheme_hash hash;
	struct error error = {0};
	bool done = auth_scheme_read(slice_of(text), &hash, &error);
	auth_scheme_free(&hash);
	assert_false(done);
	assert_int_equal(error.kind, ERROR_INVALID);
	if (slice_find(slice_of(error.text), slice_of(words)) == SLICE_NONE)
		fail_msg("%s: \"%s\" doesn't say \"%s\"", text, error.text, words);
}

static void costs_are_bounded(void **state)
{
	(void)state;
	int64_t start = clock_monotonic_ms();
	refused("$6$rounds=999999999$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr.", "too much");
	refused("$2y$31$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW", "too much");
	refused("$y$jFT$abcdefghijklmnop$TEjqn/axP6s2k870Y8qmsWKT4abEwlBzgTkuGZBqaR6", "too much");
	refused("$y$jzz$abcdefghijklmnop$TEjqn/axP6s2k870Y8qmsWKT4abEwlBzgTkuGZBqaR6", "too much");
	refused("$y$k9T$abcdefghijklmnop$TEjqn/axP6s2k870Y8qmsWKT4abEwlBzgTkuGZBqaR6", "unusual");
	refused("$pbkdf2-sha256$4000000000$c2FsdHNhbHQ$1hFTxZWobIPFjXxZf5HLGW5JLZD.FgEziPNsBT.DWjU", "too much");
	refused("{PBKDF2}$1$saltsaltsaltsalt$4294967295$0c88ea0cc2df660eb405d426bae433111b53955b", "too much");
	refused("{SCRAM-SHA-256}9999999," SCRAM_KEYS, "too much");
	refused("{SCRAM-SHA-256}100," SCRAM_KEYS, "less than 4096");
	refused("{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA", "MiB");
	refused("$argon2id$v=19$m=262144,t=16,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA", "MiB");
	refused("$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA", "damaged");
	assert_true(clock_monotonic_ms() - start < 20000); /* the dearest would take hours */
}

static void what_cannot_be_taken_is_said(void **state)
{
	(void)state;
	refused("{CRAM-MD5}9186d855e11eba527a7a52ca82b313e180d62234f0acc9051b527243d41e2740", "{CRAM-MD5}");
	refused("{NTLM}5835048ce94ad0564e29a924a03510ef", "{NTLM}");
	refused("{DES-CRYPT}aajfMKNH1hTm2", "{DES-CRYPT}");
	refused("{SSHA256.rot13}abc", "damaged");
	refused("aajfMKNH1hTm2", "no hash");
	refused("", "no hash");
	refused("{PLAIN}", "empty");
	refused("$3$$8846f7eaee8fb117ad06bdd830b7586c", "method");
	refused("$6$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1", "damaged");
	refused("$6$salt$salt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr.", "damaged");
	refused("{SHA}", "damaged");
	refused("{SSHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=", "damaged"); /* no salt is left */
	refused("{PBKDF2}$1$saltsaltsaltsalt$5000$0c88", "damaged");
	refused("{PBKDF2-SHA256}10000$c2FsdHNhbHQ=$", "damaged");
	char longest[1000];
	memset(longest, 'A', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	refused(longest, "longer");
	assert_false(auth_scheme_is_hash(SLICE("wonderland")));
	assert_false(auth_scheme_is_hash(SLICE("$ecret")));
	assert_false(auth_scheme_is_hash(SLICE("{curly")));
	assert_true(auth_scheme_is_hash(SLICE("{CRAM-MD5}9186"))); /* no password is made of it */
}

static void clear_passwords_are_taken(void **state)
{
	(void)state;
	const char *const words[] = {"{PLAIN}wonderland", "{CLEARTEXT}wonderland", "{plain.b64}d29uZGVybGFuZA==", "{CLEAR.hex}776f6e6465726c616e64"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct auth_scheme_hash hash;
		struct error error;
		assert_true(auth_scheme_read(slice_of(words[i]), &hash, &error));
		assert_int_equal(hash.kind, SCHEME_CLEAR);
		assert_true(slice_equal(buf_slice(&hash.text), SLICE("wonderland")));
		auth_scheme_free(&hash);
		assert_false(auth_scheme_verify(slice_of(words[i]), SLICE("wonderland"))); /* nothing is kept in the clear */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hashes_are_verified), cmocka_unit_test(cut_hashes_are_nobodys), cmocka_unit_test(costs_are_bounded),
		cmocka_unit_test(what_cannot_be_taken_is_said), cmocka_unit_test(clear_passwords_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
