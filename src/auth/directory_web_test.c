/* Unit tests of the directory: sessions of the web. */
#include "auth/directory_fixture.h"

enum { LONG_AGO = 1000, SINCE = 2000, NOW = 3000 };

static struct auth_web_session web_session(const char *account, int64_t identity, const char *device, int64_t used)
{
	return (struct auth_web_session){.account = S(account), .identity = identity, .device = S(device), .address = SLICE("192.0.2.1"), .created = used, .used = used};
}

static struct auth_web_session begin_session(struct fixture *f, const char *account, const char *device, int64_t used, char token[AUTH_WEB_TOKEN_SIZE + 1])
{
	struct auth_web_session session = web_session(account, identity_of(f, account, ""), device, used);
	assert_true(directory_web_begin(f->directory, &session, 0, token, &f->error));
	assert_true(session.id != 0 && strlen(token) == AUTH_WEB_TOKEN_SIZE);
	return session;
}

static struct auth_web_session session_of(struct fixture *f, const char *token)
{
	struct auth_web_session session;
	assert_true(directory_web_find(f->directory, S(token), SINCE, f->arena, &session, &f->error));
	return session;
}

/* The devices of an account's sessions, as one line. */
static const char *devices_of(struct fixture *f, const char *account)
{
	struct auth_web_session *list;
	size_t count;
	struct buf line = BUF(1 << 20);
	assert_true(directory_web_list(f->directory, S(account), SINCE, f->arena, &list, &count, &f->error));
	for (size_t i = 0; i < count; i++)
		buf_printf(&line, "%s%.*s", i ? " " : "", SLICE_ARG(list[i].device));
	const char *text = arena_text(f->arena, buf_slice(&line));
	buf_free(&line);
	return text;
}

static void give_passwords(struct fixture *f)
{
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("one"), &f->error));
	assert_true(directory_set_password(f->directory, SLICE("bob@example.test"), SLICE("two"), &f->error));
}

static void sessions_are_found_by_their_token(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_WEB_TOKEN_SIZE + 1], other[AUTH_WEB_TOKEN_SIZE + 1];
	give_passwords(f);
	struct auth_web_session made = begin_session(f, "alice@example.test", "d\xc3\xa4vice", NOW, token);
	begin_session(f, "bob@example.test", "b", NOW, other);
	assert_string_not_equal(token, other);
	struct auth_web_session found = session_of(f, token);
	assert_true(found.id == made.id && found.identity == made.identity && found.created == NOW && found.used == NOW);
	assert_true(slice_equal(found.account, SLICE("alice@example.test")) && slice_equal(found.device, SLICE("d\xc3\xa4vice")) && slice_equal(found.address, SLICE("192.0.2.1")));
	const char *const wrong[] = {"", "x", "' OR 1=1 --"};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(session_of(f, wrong[i]).id, 0);
	token[0] = token[0] == 'a' ? 'b' : 'a';
	assert_int_equal(session_of(f, token).id, 0);
	assert_string_equal(devices_of(f, "alice@example.test"), "d\xc3\xa4vice");
	assert_string_equal(devices_of(f, "carol@second.test"), "");
	assert_string_equal(devices_of(f, ""), "d\xc3\xa4vice b");
}

static void a_session_is_of_a_sign_in_that_counts(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_WEB_TOKEN_SIZE + 1];
	give_passwords(f);
	int64_t identity = identity_of(f, "alice@example.test", "");
	const struct auth_web_session wrong[] = {web_session("alice@example.test", identity + 1, "x", NOW), web_session("alice@example.test", 0, "x", NOW),
		web_session("bob@example.test", identity, "x", NOW), web_session("nobody@example.test", identity, "x", NOW), web_session("carol@second.test", 0, "x", NOW)};
	for (size_t i = 0; i < 5; i++) {
		struct auth_web_session session = wrong[i];
		assert_false(directory_web_begin(f->directory, &session, 0, token, &f->error));
		assert_int_equal(f->error.kind, ERROR_DENIED);
	}
	assert_string_equal(devices_of(f, ""), "");
}

static void sessions_end_with_their_identity(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_WEB_TOKEN_SIZE + 1];
	struct auth_account_entry alice = {.name = SLICE("alice@example.test"), .enabled = true};
	give_passwords(f);
	begin_session(f, "alice@example.test", "a", NOW, token);
	assert_true(directory_set_password(f->directory, alice.name, SLICE("three"), &f->error));
	assert_int_equal(session_of(f, token).id, 0);
	assert_string_equal(devices_of(f, "alice@example.test"), "");
	begin_session(f, "alice@example.test", "b", NOW, token);
	alice.enabled = false;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_int_equal(session_of(f, token).id, 0);
	assert_string_equal(devices_of(f, "alice@example.test"), "");
	alice.enabled = true;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_int_equal(session_of(f, token).id, 0); /* it doesn't come back */
	begin_session(f, "alice@example.test", "c", NOW, token);
	assert_true(directory_remove_account(f->directory, alice.name, &f->error));
	assert_int_equal(session_of(f, token).id, 0);
	assert_true(directory_add_account(f->directory, &alice, &f->error));
	assert_int_equal(session_of(f, token).id, 0);
	assert_string_equal(devices_of(f, ""), "");
}

static void sessions_that_rest_end(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_WEB_TOKEN_SIZE + 1], used[AUTH_WEB_TOKEN_SIZE + 1];
	give_passwords(f);
	begin_session(f, "alice@example.test", "rests", LONG_AGO, token);
	struct auth_web_session session = begin_session(f, "alice@example.test", "used", LONG_AGO, used);
	assert_true(directory_web_use(f->directory, session.id, SINCE, &f->error));
	assert_int_equal(session_of(f, token).id, 0);
	assert_true(session_of(f, used).used == SINCE && session_of(f, used).created == LONG_AGO);
	assert_string_equal(devices_of(f, "alice@example.test"), "used");
}

static void sessions_are_ended(void **state)
{
	struct fixture *f = *state;
	char token[3][AUTH_WEB_TOKEN_SIZE + 1];
	size_t count;
	int64_t at;
	struct auth_web_session a, b;
	give_passwords(f);
	a = begin_session(f, "alice@example.test", "a", NOW, token[0]);
	b = begin_session(f, "bob@example.test", "b", NOW, token[1]);
	begin_session(f, "alice@example.test", "c", NOW + 1, token[2]);
	assert_true(directory_last_change(f->directory, &at, &f->error));
	assert_true(directory_web_end(f->directory, SLICE("alice@example.test"), b.id, &count, &f->error) && count == 0); /* another's */
	assert_true(directory_web_end(f->directory, SLICE("nobody@example.test"), 0, &count, &f->error) && count == 0);
	assert_string_equal(changed_after(f, &at), "");
	assert_true(directory_web_end(f->directory, SLICE("alice@example.test"), a.id, &count, &f->error) && count == 1);
	assert_string_equal(changed_after(f, &at), "alice@example.test");
	assert_true(directory_web_end(f->directory, SLICE("alice@example.test"), a.id, &count, &f->error) && count == 0);
	assert_true(session_of(f, token[0]).id == 0 && session_of(f, token[1]).id != 0 && session_of(f, token[2]).id != 0);
	begin_session(f, "alice@example.test", "d", NOW, token[0]);
	assert_true(directory_web_end(f->directory, SLICE("alice@example.test"), 0, &count, &f->error) && count == 2);
	assert_string_equal(devices_of(f, ""), "b");
}

/* One more ends the one that was used last longest ago, and whoever has a page open with that hears of it. */
static void sessions_have_a_largest_number(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_WEB_TOKEN_SIZE + 1], first[AUTH_WEB_TOKEN_SIZE + 1], second[AUTH_WEB_TOKEN_SIZE + 1];
	struct auth_web_session *list;
	size_t count;
	int64_t at;
	give_passwords(f);
	begin_session(f, "bob@example.test", "b", SINCE, token);
	begin_session(f, "alice@example.test", "first", SINCE, first);
	begin_session(f, "alice@example.test", "second", SINCE + 1, second);
	for (int i = 2; i < AUTH_WEB_SESSIONS_MAX; i++)
		begin_session(f, "alice@example.test", "x", NOW, token);
	assert_true(session_of(f, first).id != 0 && directory_last_change(f->directory, &at, &f->error));
	begin_session(f, "alice@example.test", "y", NOW, token);
	assert_string_equal(changed_after(f, &at), "alice@example.test");
	assert_true(session_of(f, first).id == 0 && session_of(f, second).id != 0);
	assert_true(directory_web_list(f->directory, SLICE("alice@example.test"), SINCE, f->arena, &list, &count, &f->error) && count == AUTH_WEB_SESSIONS_MAX);
	assert_string_equal(devices_of(f, "bob@example.test"), "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECTORY_TEST(sessions_are_found_by_their_token),
		DIRECTORY_TEST(a_session_is_of_a_sign_in_that_counts),
		DIRECTORY_TEST(sessions_end_with_their_identity),
		DIRECTORY_TEST(sessions_that_rest_end),
		DIRECTORY_TEST(sessions_are_ended),
		DIRECTORY_TEST(sessions_have_a_largest_number),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free_all();
	return failed;
}
