/* Which sessions end when an account has changed: the server and the auth role are fakes here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "main/sessions.h"

static struct conn_session sessions[3];
static size_t session_count, ended_count, asked_count;
static int64_t standing; /* the identity that counts */
static struct slice ended_why;
static char why_text[64];

void server_visit_sessions(struct server *server, void (*visit)(void *context, const struct conn_session *session), void *context)
{
	(void)server;
	for (size_t i = 0; i < session_count; i++)
		visit(context, &sessions[i]);
}

size_t server_end_sessions(struct server *server, bool (*which)(void *context, const struct conn_session *session), void *context, struct slice reason)
{
	(void)server;
	size_t ended = 0;
	for (size_t i = 0; i < session_count; i++)
		ended += which(context, &sessions[i]);
	ended_count += ended;
	snprintf(why_text, sizeof why_text, "%.*s", SLICE_ARG(reason));
	ended_why = slice_of(why_text);
	return ended;
}

void server_work(struct server *server, void (*work)(void *argument), void *argument)
{
	(void)server;
	work(argument);
}

void auth_note_change(struct auth *auth) { (void)auth; }

enum auth_standing auth_stands(struct auth *auth, struct auth_wait *wait, const struct auth_account *account)
{
	(void)auth, (void)wait;
	asked_count++;
	return account->identity == standing && account->credential != 13 ? AUTH_STANDS : AUTH_ENDED;
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		sessions[i] = (struct conn_session){.id = (int64_t)i + 1, .account = SLICE("anna@example.test"), .identity = 7};
	session_count = 1;
	ended_count = asked_count = 0;
	standing = 7;
	return 0;
}

static void hear(const char *account, int64_t identity)
{
	struct sessions all = {0};
	sessions_hear(&all, &(struct bus_change){BUS_SIGN_IN, slice_of(account), identity, SLICE("another password")});
}

static void test_former_sessions_end(void **state)
{
	(void)state;
	standing = 8;
	hear("anna@example.test", 8);
	assert_int_equal(ended_count, 1);
	assert_true(slice_equal(ended_why, SLICE("another password")));
}

static void test_news_that_come_late_end_nobody(void **state)
{
	(void)state;
	hear("anna@example.test", 0); /* made, and without a password yet: that was before she signed in */
	hear("anna@example.test", 5);
	assert_int_equal(asked_count, 2);
	assert_int_equal(ended_count, 0);
}

static void test_who_has_nothing_to_do_with_it_is_not_asked_for(void **state)
{
	(void)state;
	hear("boris@example.test", 9);
	hear("anna@example.test", 7);
	assert_int_equal(asked_count, 0);
}

static void test_app_passwords_are_asked_for_one_by_one(void **state)
{
	(void)state;
	session_count = 3;
	sessions[1].credential = 12;
	sessions[2].credential = 13;
	hear("anna@example.test", 7);
	assert_int_equal(asked_count, 2);
	assert_int_equal(ended_count, 1);
	assert_true(slice_equal(ended_why, SLICE("the account was changed")));
}

static void test_all_are_asked_for_when_anything_may_have_changed(void **state)
{
	(void)state;
	session_count = 3;
	sessions[1] = (struct conn_session){.id = 2, .account = SLICE("boris@example.test"), .identity = 3};
	hear("", 0);
	assert_int_equal(asked_count, 2); /* two of the three are one identity */
	assert_int_equal(ended_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_former_sessions_end, set_up),
		cmocka_unit_test_setup(test_news_that_come_late_end_nobody, set_up),
		cmocka_unit_test_setup(test_who_has_nothing_to_do_with_it_is_not_asked_for, set_up),
		cmocka_unit_test_setup(test_app_passwords_are_asked_for_one_by_one, set_up),
		cmocka_unit_test_setup(test_all_are_asked_for_when_anything_may_have_changed, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
