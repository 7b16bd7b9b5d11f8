/* Unit tests of the directory: keys that domains sign with, and that push services know us by. */
#include "auth/directory_fixture.h"

static void a_domain_has_keys_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct auth_signing_key *keys, *again;
	size_t count, again_count;
	assert_true(directory_list_keys(f->directory, S("example.test"), f->arena, &keys, &count, &f->error) && count == 0);
	assert_true(directory_make_keys(f->directory, S("EXAMPLE.test"), &f->error));
	assert_true(directory_make_keys(f->directory, S("alias.test"), &f->error));
	assert_false(directory_make_keys(f->directory, S("nowhere.test"), &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_true(directory_list_keys(f->directory, S("example.test"), f->arena, &keys, &count, &f->error));
	assert_int_equal(count, 2);
	assert_true(!keys[0].ed25519 && keys[1].ed25519 && slice_starts(keys[0].record, SLICE("v=DKIM1; k=rsa; p=")));
	assert_true(directory_make_keys(f->directory, S("example.test"), &f->error)); /* it has some */
	assert_true(directory_list_keys(f->directory, S("example.test"), f->arena, &again, &again_count, &f->error));
	assert_true(again_count == 2 && slice_equal(again[0].record, keys[0].record));
	assert_true(directory_list_keys(f->directory, S("alias.test"), f->arena, &again, &again_count, &f->error));
	assert_true(again_count == 2 && !slice_equal(again[0].record, keys[0].record));
	assert_true(directory_remove_domain(f->directory, S("alias.test"), &f->error));
	assert_true(directory_list_keys(f->directory, S("alias.test"), f->arena, &again, &again_count, &f->error) && again_count == 0);
}

/* How many keys are in each state, as "signing new retired forgotten". */
static const char *stock_of(struct fixture *f)
{
	struct auth_signing_key *keys;
	size_t count, states[3] = {0}, forgotten = 0;
	assert_true(directory_list_keys(f->directory, S("example.test"), f->arena, &keys, &count, &f->error));
	for (size_t i = 0; i < count; i++) {
		states[keys[i].state]++;
		forgotten += keys[i].forgotten;
		assert_true(slice_starts(keys[i].record, SLICE("v=DKIM1; k=")));
	}
	return arena_printf(f->arena, "%zu %zu %zu %zu", states[KEY_SIGNS], states[KEY_NEW], states[KEY_RETIRED], forgotten).at;
}

static bool signs(struct fixture *f, struct slice selector)
{
	struct buf signature = BUF(AUTH_SIGNATURE_MAX);
	static const char digest[AUTH_DIGEST_SIZE];
	bool done = directory_sign(f->directory, S("example.test"), selector, slice_make(digest, sizeof digest), &signature, &f->error);
	buf_free(&signature);
	return done;
}

static struct slice signing_selector(struct fixture *f)
{
	struct auth_signing_key *keys;
	size_t count;
	assert_true(directory_signing_keys(f->directory, S("example.test"), f->arena, &keys, &count, &f->error) && count == 2);
	return keys[0].selector;
}

static struct slice selector_in(struct fixture *f, enum auth_key_state state)
{
	struct auth_signing_key *keys;
	size_t count, i = 0;
	assert_true(directory_list_keys(f->directory, S("example.test"), f->arena, &keys, &count, &f->error));
	while (i + 1 < count && keys[i].state != state)
		i++;
	return keys[i].selector;
}

static void keys_are_changed_in_one_order(void **state)
{
	struct fixture *f = *state;
	struct slice domain = S("example.test");
	assert_true(directory_make_keys(f->directory, domain, &f->error));
	struct slice first = signing_selector(f);
	assert_false(directory_rotation_sign(f->directory, domain, &f->error) || directory_rotation_forget(f->directory, domain, &f->error) ||
		     directory_rotation_end(f->directory, domain, &f->error) || directory_rotation_abort(f->directory, domain, &f->error));
	assert_true(directory_rotation_begin(f->directory, domain, &f->error));
	assert_string_equal(stock_of(f), "2 2 0 0");
	struct slice second = selector_in(f, KEY_NEW);
	assert_true(signs(f, first) && !signs(f, second)); /* not even if it is asked for by name */
	assert_false(directory_rotation_begin(f->directory, domain, &f->error) || directory_rotation_sign(f->directory, domain, &f->error));
	assert_int_equal(f->error.kind, ERROR_INVALID);
	assert_true(directory_rotation_saw(f->directory, domain, 1, &f->error) && directory_rotation_saw(f->directory, domain, 0, &f->error));
	assert_false(directory_rotation_sign(f->directory, domain, &f->error)); /* it was seen, and isn't any more */
	assert_true(directory_rotation_saw(f->directory, domain, 1, &f->error) && directory_rotation_sign(f->directory, domain, &f->error));
	assert_string_equal(stock_of(f), "2 0 2 0");
	assert_true(slice_equal(signing_selector(f), second) && signs(f, second) && signs(f, first));
	assert_false(directory_rotation_end(f->directory, domain, &f->error));
	assert_true(directory_rotation_forget(f->directory, domain, &f->error));
	assert_string_equal(stock_of(f), "2 0 2 2");
	assert_false(signs(f, first) || directory_rotation_abort(f->directory, domain, &f->error));
	assert_true(directory_rotation_end(f->directory, domain, &f->error));
	assert_string_equal(stock_of(f), "2 0 0 0");
	assert_false(directory_rotation_begin(f->directory, S("nowhere.test"), &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
}

static void a_change_of_keys_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct slice domain = S("example.test");
	assert_true(directory_make_keys(f->directory, domain, &f->error));
	struct slice first = signing_selector(f);
	assert_true(directory_rotation_begin(f->directory, domain, &f->error) && directory_rotation_saw(f->directory, domain, 1, &f->error) &&
		    directory_rotation_sign(f->directory, domain, &f->error));
	struct slice second = signing_selector(f);
	assert_true(directory_rotation_abort(f->directory, domain, &f->error));
	assert_true(slice_equal(signing_selector(f), first) && slice_equal(selector_in(f, KEY_RETIRED), second));
	assert_true(directory_rotation_forget(f->directory, domain, &f->error) && directory_rotation_end(f->directory, domain, &f->error));
	assert_true(slice_equal(signing_selector(f), first));
}

/* RFC 9749 §5. */
static void push_keys_are_changed_over(void **state)
{
	struct fixture *f = *state;
	struct directory_push_key first, now, again;
	int64_t at = 1800000000;
	assert_true(directory_push_key(f->directory, 0, at, &first, &f->error) && first.created == at && first.retired == 0);
	assert_true(directory_push_key(f->directory, 0, at + 9, &again, &f->error));
	assert_memory_equal(&first, &again, sizeof first);
	assert_true(directory_push_key_renew(f->directory, at + 10, &f->error));
	assert_true(directory_push_key(f->directory, 0, at + 11, &now, &f->error) && now.id != first.id);
	assert_memory_not_equal(now.key.public, first.key.public, sizeof first.key.public);
	assert_true(directory_push_key(f->directory, first.id, at + 11, &again, &f->error) && again.retired == at + 10);
	assert_memory_equal(again.key.private, first.key.private, sizeof first.key.private);
	assert_false(directory_push_key(f->directory, first.id, at + 10 + DIRECTORY_PUSH_KEY_SECONDS, &again, &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_true(directory_push_key(f->directory, now.id, at + 10 + DIRECTORY_PUSH_KEY_SECONDS, &again, &f->error));
	assert_true(directory_push_key_renew(f->directory, at + 20 + DIRECTORY_PUSH_KEY_SECONDS, &f->error));
	assert_false(directory_push_key(f->directory, first.id, at, &again, &f->error)); /* it is forgotten */
	assert_false(directory_push_key(f->directory, 77, at, &again, &f->error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECTORY_TEST(push_keys_are_changed_over),
		DIRECTORY_TEST(a_domain_has_keys_of_its_own),
		DIRECTORY_TEST(keys_are_changed_in_one_order),
		DIRECTORY_TEST(a_change_of_keys_is_taken_back),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free_all();
	return failed;
}
