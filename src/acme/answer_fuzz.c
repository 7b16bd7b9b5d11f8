/* Fuzzing of what authorities answer, by the first byte: JSON of each kind, and chains of certificates. What is made of it must be within bounds,
 * and fit to be shown and written into a request. */
#include <assert.h>

#include "acme/answer.h"
#include "acme/key.h"
#include "acme/sets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(struct slice url)
{
	assert(url.len <= ACME_URL_MAX && slice_is_printable(url) && (url.len == 0 || slice_starts(url, SLICE("https://"))));
	assert(slice_find_char(url, '"') == SLICE_NONE && slice_find_char(url, '\\') == SLICE_NONE && slice_find_char(url, ' ') == SLICE_NONE);
}

static void fuzz_directory(struct slice input, struct arena *arena)
{
	struct acme_directory read;
	if (!acme_directory_read(input, SLICE("shortlived"), arena, &read, NULL))
		return;
	check_url(read.new_nonce);
	check_url(read.new_account);
	check_url(read.new_order);
	check_url(read.renewal_info);
	assert(slice_is_printable(read.terms));
}

static void fuzz_order(struct slice input, struct arena *arena)
{
	struct acme_order read;
	if (!acme_order_read(input, arena, &read, NULL))
		return;
	assert(read.authorization_count <= ACME_AUTHORIZATIONS_MAX);
	for (size_t i = 0; i < read.authorization_count; i++)
		check_url(read.authorizations[i]);
	check_url(read.finalize);
	check_url(read.certificate);
	assert(slice_is_printable(read.problem.words));
}

static void fuzz_authorization(struct slice input, struct arena *arena)
{
	struct acme_authorization read;
	if (!acme_authorization_read(input, arena, &read, NULL))
		return;
	assert(acme_is_name(read.name) && read.challenge_count <= ACME_CHALLENGES_MAX);
	for (size_t i = 0; i < read.challenge_count; i++) {
		check_url(read.challenges[i].url);
		assert(read.challenges[i].token.len == 0 || acme_is_base64url(read.challenges[i].token));
		assert(slice_is_printable(read.challenges[i].problem.words));
	}
}

static void fuzz_chain(struct slice input, struct arena *arena)
{
	static const unsigned char none[1][ACME_DIGEST_SIZE];
	unsigned char keys[1][ACME_DIGEST_SIZE];
	struct acme_certificate read;
	struct slice name = SLICE("mail.example.org");
	size_t which;
	assert(!acme_chain_check(input, none, 1, &which, &name, 1, 1700000000, NULL)); /* no key's digest is that */
	if (acme_certificate_read(input, arena, &read, NULL)) { /* of its own key: so the rest is looked at, too */
		memcpy(keys[0], read.digest, sizeof keys[0]);
		acme_chain_check(input, keys, 1, &which, read.names, read.name_count, read.begins, NULL);
	}
	if (acme_certificate_read(input, arena, &read, NULL))
		for (size_t i = 0; i < read.name_count; i++)
			assert(slice_is_printable(read.names[i]));
}

static void fuzz_sets(struct slice input, struct arena *arena)
{
	struct acme_set *list;
	struct slice *names, rest;
	size_t count;
	if (acme_sets_read(input, arena, &list, &count))
		for (size_t i = 0; i < count; i++)
			for (size_t k = 0; k < list[i].count; k++)
				assert(acme_is_name(list[i].names[k]));
	if (acme_names_read(input, arena, &names, &count, &rest))
		assert(count > 0 && count <= ACME_NAMES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	struct arena *arena = arena_new();
	struct acme_problem problem;
	struct acme_renewal renewal;
	switch (data[0] % 6) {
	case 0:
		fuzz_directory(input, arena);
		break;
	case 1:
		fuzz_order(input, arena);
		break;
	case 2:
		fuzz_authorization(input, arena);
		break;
	case 3:
		if (acme_problem_read(input, arena, &problem))
			assert(slice_is_printable(problem.words) && slice_is_printable(problem.type) && slice_is_printable(problem.name));
		if (acme_renewal_read(input, arena, &renewal, NULL))
			assert(renewal.start <= renewal.end && slice_is_printable(renewal.why));
		break;
	case 4:
		fuzz_chain(input, arena);
		break;
	default:
		fuzz_sets(input, arena);
	}
	arena_free(&arena);
	return 0;
}
