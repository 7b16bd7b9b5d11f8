/* Who may call which row over HTTP, and with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/offered.h"
#include "config/config.h"

static const struct auth_administrator server = {.who = SLICE("anna@a.test"), .rank = RANK_SERVER, .key = true};
static const struct auth_administrator reader = {.who = SLICE("k"), .rank = RANK_SERVER, .key = true, .reads = true};
static const struct auth_administrator domain = {.who = SLICE("ben@a.test"), .rank = RANK_DOMAIN, .domain = SLICE("a.test"), .key = true};

static struct arena *arena;
static struct cli_refusal refusal;

static int set_up(void **state)
{
	(void)state;
	arena = arena_new();
	config_set_current(config_parse(SLICE(""), "test", NULL));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	config_free_all();
	return 0;
}

/* ADMIN_DONE: it may be called so. */
static enum admin_code ask(const struct auth_administrator *who, const char *body, struct command_line *line)
{
	struct admin_request request;
	struct error error;
	if (!admin_request_read(slice_of(body), arena, &request, &error))
		fail_msg("%s: %s", body, error.text);
	return cli_offered_find(&request, who, arena, line, &refusal) ? ADMIN_DONE : refusal.code;
}

static void rows_are_offered_by_rank(void **state)
{
	(void)state;
	static const struct { const char *body; enum admin_code server, reader, domain; } cases[] = {
		{"{\"command\": \"queue list\"}", ADMIN_DONE, ADMIN_DONE, ADMIN_DENIED},
		{"{\"command\": \"queue return\", \"arguments\": [\"@b.test\"]}", ADMIN_DONE, ADMIN_DENIED, ADMIN_DENIED},
		{"{\"command\": \"account list\"}", ADMIN_DONE, ADMIN_DONE, ADMIN_DONE},
		{"{\"command\": \"account show\", \"arguments\": [\"x@b.test\"]}", ADMIN_DONE, ADMIN_DONE, ADMIN_DENIED},
		{"{\"command\": \"account show\", \"arguments\": [\"x@A.test\"]}", ADMIN_DONE, ADMIN_DONE, ADMIN_DONE},
		{"{\"command\": \"account show\", \"arguments\": [\"nonsense@\"]}", ADMIN_DONE, ADMIN_DONE, ADMIN_DENIED},
		{"{\"command\": \"account set\", \"arguments\": [\"x@a.test\"], \"options\": {\"administrator\": \"server\"}}", ADMIN_DONE, ADMIN_DENIED, ADMIN_DENIED},
		{"{\"command\": \"serve\"}", ADMIN_NO_COMMAND, ADMIN_NO_COMMAND, ADMIN_NO_COMMAND},
		{"{\"command\": \"import\", \"arguments\": [\"x@a.test\", \"/etc/passwd\"]}", ADMIN_NO_COMMAND, ADMIN_NO_COMMAND, ADMIN_NO_COMMAND},
		{"{\"command\": \"account import\", \"arguments\": [\"/etc/passwd\"]}", ADMIN_USAGE, ADMIN_DENIED, ADMIN_DENIED},
		{"{\"command\": \"queue show\"}", ADMIN_USAGE, ADMIN_USAGE, ADMIN_DENIED},
		{"{\"command\": \"queue list\", \"arguments\": [\"a\", \"b\"]}", ADMIN_USAGE, ADMIN_USAGE, ADMIN_DENIED},
		{"{\"command\": \"queue list\", \"options\": {\"nonsense\": true}}", ADMIN_USAGE, ADMIN_USAGE, ADMIN_DENIED},
		{"{\"command\": \"queue list\", \"options\": {\"held\": \"x\"}}", ADMIN_USAGE, ADMIN_USAGE, ADMIN_DENIED},
		{"{\"command\": \"queue list\", \"options\": {\"limit\": true}}", ADMIN_USAGE, ADMIN_USAGE, ADMIN_DENIED},
	};
	struct command_line line;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const enum admin_code wanted[] = {cases[i].server, cases[i].reader, cases[i].domain};
		const struct auth_administrator *const who[] = {&server, &reader, &domain};
		for (size_t k = 0; k < 3; k++)
			if (ask(who[k], cases[i].body, &line) != wanted[k])
				fail_msg("%s as number %zu: %s", cases[i].body, k, refusal.text);
	}
	assert_int_equal(ask(&(struct auth_administrator){.rank = RANK_NONE, .key = true}, cases[0].body, &line), ADMIN_NOT_ADMINISTRATOR);
}

static void his_domain_is_meant_where_none_is_named(void **state)
{
	(void)state;
	struct command_line line;
	assert_int_equal(ask(&domain, "{\"command\": \"account list\"}", &line), ADMIN_DONE);
	assert_int_equal(line.count, 1);
	assert_string_equal(line.arguments[0], "a.test");
	assert_int_equal(ask(&server, "{\"command\": \"account list\"}", &line), ADMIN_DONE);
	assert_int_equal(line.count, 0);
}

/* A session may look once the auth role has seen its password, and change something for some time. */
static void passwords_are_shown_again(void **state)
{
	(void)state;
	static const char look[] = "{\"command\": \"queue list\"}", change[] = "{\"command\": \"queue hold\", \"arguments\": [\"@b.test\"]}";
	struct auth_administrator who = server;
	struct command_line line;
	who.key = false;
	assert_int_equal(ask(&who, look, &line), ADMIN_PASSWORD_NEEDED);
	who.proved = 1;
	assert_int_equal(ask(&who, look, &line), ADMIN_DONE);
	assert_int_equal(ask(&who, change, &line), ADMIN_PASSWORD_NEEDED);
	who.proved = clock_now();
	assert_int_equal(ask(&who, change, &line), ADMIN_DONE);
}

/* What is listed is what may be called, and no option that may not be given. */
static void the_list_is_of_what_may_be_called(void **state)
{
	(void)state;
	size_t index;
	json_t *row, *list = cli_offered_list(&domain);
	assert_true(json_array_size(list) > 5);
	json_array_foreach(list, index, row) {
		const char *name = json_string_value(json_object_get(row, "command"));
		assert_true(slice_starts(slice_of(name), SLICE("account")) || !slice_starts(slice_of(name), SLICE("queue")));
		size_t place;
		json_t *option;
		json_array_foreach(json_object_get(row, "options"), place, option)
			assert_string_not_equal(json_string_value(json_object_get(option, "name")), "administrator");
	}
	json_decref(list);
	list = cli_offered_list(&reader);
	json_array_foreach(list, index, row)
		assert_false(json_is_true(json_object_get(row, "changes")));
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_offered_by_rank, set_up, tear_down),
		cmocka_unit_test_setup_teardown(his_domain_is_meant_where_none_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(passwords_are_shown_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_list_is_of_what_may_be_called, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
