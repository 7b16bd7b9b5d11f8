/* Runs of UIDs against a plain array that has the same done to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "imap/uids.h"

enum { MOST = 400, ROUNDS = 300 };

static void assert_same(const struct imap_uids *uids, const uint32_t *plain, size_t count)
{
	size_t index;
	assert_int_equal(uids->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(imap_uids_at(uids, i), plain[i]);
		assert_true(imap_uids_find(uids, plain[i], &index));
		assert_int_equal(index, i);
		uint32_t after = i + 1 < count ? plain[i + 1] : UINT32_MAX;
		if (after > plain[i] + 1) { /* a gap: what isn't there leads to the next */
			assert_int_equal(imap_uids_seek(uids, plain[i] + 1), i + 1);
			assert_false(imap_uids_find(uids, plain[i] + 1, &index));
		}
	}
	assert_int_equal(imap_uids_seek(uids, 0), 0);
	assert_int_equal(imap_uids_seek(uids, UINT32_MAX), count);
}

static size_t take_out_some(struct imap_uids *uids, uint32_t *plain, size_t count, unsigned *seed)
{
	size_t gone[MOST], gone_count = 0, kept = 0;
	int out_of = 1 + rand_r(seed) % 20;
	for (size_t i = 0; i < count; i++)
		if (rand_r(seed) % out_of == 0)
			gone[gone_count++] = i;
		else
			plain[kept++] = plain[i];
	imap_uids_take_out(uids, gone, gone_count);
	return kept;
}

static void any_history_is_kept(void **state)
{
	(void)state;
	uint32_t plain[MOST], next = 1;
	size_t count = 0;
	struct imap_uids uids = {0};
	unsigned seed = 1;
	for (int round = 0; round < ROUNDS; round++) {
		for (int more = rand_r(&seed) % 40; more > 0 && count < MOST; more--) {
			next += rand_r(&seed) % 5 == 0 ? (uint32_t)rand_r(&seed) % 1000 : 0;
			plain[count++] = next;
			imap_uids_add(&uids, next++);
		}
		assert_same(&uids, plain, count);
		count = take_out_some(&uids, plain, count, &seed);
		assert_same(&uids, plain, count);
	}
	imap_uids_free(&uids);
}

static void what_was_never_expunged_is_one_run(void **state)
{
	(void)state;
	struct imap_uids uids = {0};
	for (uint32_t uid = 4294967295u - 100000; uid < 4294967295u; uid++)
		imap_uids_add(&uids, uid);
	imap_uids_add(&uids, 4294967295u);
	assert_int_equal(uids.run_count, 1);
	assert_int_equal(uids.count, 100001);
	assert_int_equal(imap_uids_last(&uids), 4294967295u);
	assert_int_equal(imap_uids_seek(&uids, 4294967295u), 100000);
	imap_uids_free(&uids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_history_is_kept),
		cmocka_unit_test(what_was_never_expunged_is_one_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
