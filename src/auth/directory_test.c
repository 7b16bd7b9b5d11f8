/* Unit tests of the directory: who is there, and where mail goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <argon2.h>
#include <cmocka.h>

#include "auth/credentials.h"
#include "auth/directory_internal.h"
#include "auth/password.h"
#include "auth/test_folder.h"
#include "auth/wire.h"
#include "base/memory.h"
#include "config/config.h"

struct fixture {
	struct test_folder folder;
	struct directory *directory;
	struct arena *arena;
	struct error error;
};

static struct slice S(const char *text) { return slice_of(text); }

static int set_up(void **state)
{
	struct fixture *f = memory_new(sizeof *f);
	test_folder_make(&f->folder);
	f->directory = directory_open(f->folder.path, &f->error);
	assert_non_null(f->directory);
	f->arena = arena_new();
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("Example.test")}, &f->error));
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("second.test")}, &f->error));
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("alias.test"), .alias_of = SLICE("example.test")}, &f->error));
	const char *const names[] = {"alice@example.test", "Bob@example.test", "postmaster@example.test", "carol@second.test"};
	for (size_t i = 0; i < 4; i++)
		assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = S(names[i]), .enabled = true}, &f->error));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	directory_close(&f->directory);
	arena_free(&f->arena);
	test_folder_remove(&f->folder);
	free(f);
	return 0;
}

static bool add_alias(struct fixture *f, const char *address, size_t count, const char *const *targets)
{
	struct slice *list = arena_array(f->arena, count, sizeof *list);
	for (size_t i = 0; i < count; i++)
		list[i] = S(targets[i]);
	return directory_add_alias(f->directory, &(struct auth_alias_entry){S(address), list, count}, &f->error);
}

#define ALIAS(f, address, ...) add_alias(f, address, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

/* The routes as one line: "alice@example.test+detail ->remote@x". */
static const char *routes_of(struct fixture *f, const char *address)
{
	struct auth_route *routes;
	size_t count;
	struct buf line = BUF(1 << 20);
	if (!directory_resolve(f->directory, S(address), f->arena, &routes, &count, &f->error))
		return f->error.kind == ERROR_NOT_FOUND ? "nobody" : f->error.text;
	for (size_t i = 0; i < count; i++)
		buf_printf(&line, "%s%s%.*s%s%.*s", i ? " " : "", routes[i].local ? "" : routes[i].problem ? "!" : "->", SLICE_ARG(routes[i].address),
			   routes[i].detail.len ? "+" : "", SLICE_ARG(routes[i].detail));
	const char *text = arena_text(f->arena, buf_slice(&line));
	buf_free(&line);
	return text;
}

static enum auth_recipient_kind kind_of(struct fixture *f, const char *address)
{
	return directory_recipient(f->directory, S(address), NULL);
}

static void addresses_are_found_in_every_form(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(kind_of(f, "ALICE@EXAMPLE.test"), RECIPIENT_LOCAL);
	assert_string_equal(routes_of(f, "ALICE@EXAMPLE.test"), "alice@example.test");
	assert_string_equal(routes_of(f, "bob@alias.test"), "bob@example.test");
	assert_string_equal(routes_of(f, "alice+lists+x@alias.test"), "alice@example.test+lists+x");
	assert_string_equal(routes_of(f, "nobody@example.test"), "nobody");
	assert_int_equal(kind_of(f, "nobody@example.test"), RECIPIENT_UNKNOWN);
	assert_int_equal(kind_of(f, "nobody+x@example.test"), RECIPIENT_UNKNOWN);
	assert_int_equal(kind_of(f, "+x@example.test"), RECIPIENT_UNKNOWN);
	assert_int_equal(kind_of(f, "alice@elsewhere.test"), RECIPIENT_FOREIGN);
	assert_string_equal(routes_of(f, "Some.One@elsewhere.test"), "->Some.One@elsewhere.test");
	assert_int_equal(kind_of(f, ""), RECIPIENT_UNKNOWN);
	assert_int_equal(kind_of(f, "alice"), RECIPIENT_UNKNOWN);
	assert_int_equal(kind_of(f, "alice%example.test@second.test"), RECIPIENT_UNKNOWN);
	assert_int_equal(kind_of(f, "@example.test"), RECIPIENT_UNKNOWN);
	assert_int_equal(kind_of(f, "alice' OR '1'='1@example.test"), RECIPIENT_UNKNOWN);
	assert_int_equal(directory_recipient(f->directory, SLICE("alice\0@example.test"), NULL), RECIPIENT_UNKNOWN);
}

static void everybody_has_a_postmaster(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(routes_of(f, "Postmaster"), "postmaster@example.test");
	assert_string_equal(routes_of(f, "postMaster@second.test"), "postmaster@example.test");
	assert_string_equal(routes_of(f, "postmaster+x@example.test"), "postmaster@example.test+x");
	assert_int_equal(kind_of(f, "postmaster"), RECIPIENT_LOCAL);
	assert_true(ALIAS(f, "postmaster@second.test", "carol@second.test"));
	assert_string_equal(routes_of(f, "postmaster@second.test"), "carol@second.test");
}

static void aliases_are_expanded_once(void **state)
{
	struct fixture *f = *state;
	assert_true(ALIAS(f, "team@example.test", "alice@example.test", "more@alias.test", "Out@Elsewhere.test"));
	assert_true(ALIAS(f, "more@example.test", "bob@example.test", "alice+x@example.test", "out@elsewhere.test", "team@example.test"));
	assert_string_equal(routes_of(f, "team@example.test"), "alice@example.test bob@example.test ->out@elsewhere.test !team@example.test+more@example.test");
	assert_string_equal(routes_of(f, "team+detail@example.test"), "alice@example.test bob@example.test ->out@elsewhere.test !team@example.test+more@example.test");
	assert_int_equal(kind_of(f, "team@example.test"), RECIPIENT_LOCAL);
	/* The first form of a remote address that is met is the one that is used. */
	assert_true(ALIAS(f, "out@example.test", "A@Elsewhere.test", "a@elsewhere.test"));
	assert_string_equal(routes_of(f, "out@example.test"), "->A@Elsewhere.test");
}

static void loops_of_aliases_end(void **state)
{
	struct fixture *f = *state;
	assert_true(ALIAS(f, "a@example.test", "b@example.test"));
	assert_true(ALIAS(f, "b@example.test", "a@example.test"));
	assert_string_equal(routes_of(f, "a@example.test"), "nobody");
	assert_int_equal(kind_of(f, "a@example.test"), RECIPIENT_UNKNOWN);
	/* An account that forwards and keeps a copy. */
	assert_true(ALIAS(f, "alice@example.test", "alice@example.test", "bob@example.test"));
	assert_string_equal(routes_of(f, "alice@example.test"), "alice@example.test bob@example.test");
	/* One that only forwards, reached twice: never falls back into the account. */
	assert_true(ALIAS(f, "bob@example.test", "carol@second.test"));
	assert_true(ALIAS(f, "both@example.test", "bob@example.test", "again@example.test"));
	assert_true(ALIAS(f, "again@example.test", "bob@example.test"));
	assert_string_equal(routes_of(f, "both@example.test"), "carol@second.test");
}

static void a_wrong_target_costs_the_others_nothing(void **state)
{
	struct fixture *f = *state;
	char from[40], to[40];
	assert_true(ALIAS(f, "team@example.test", "gone@example.test", "alice@example.test", "out@elsewhere.test"));
	assert_string_equal(routes_of(f, "team@example.test"), "alice@example.test ->out@elsewhere.test !gone@example.test+team@example.test");
	assert_true(ALIAS(f, "circle@example.test", "bob@example.test", "back@example.test"));
	assert_true(ALIAS(f, "back@example.test", "circle@example.test"));
	assert_string_equal(routes_of(f, "circle@example.test"), "bob@example.test !circle@example.test+back@example.test");
	for (int i = 0; i < 30; i++) {
		snprintf(from, sizeof from, "far%d@example.test", i);
		snprintf(to, sizeof to, "far%d@example.test", i + 1);
		assert_true(ALIAS(f, from, to));
	}
	assert_true(ALIAS(f, "near@example.test", "far0@example.test", "bob@example.test"));
	assert_string_equal(routes_of(f, "near@example.test"), "bob@example.test !far19@example.test+far18@example.test");
	assert_true(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("bob@example.test"), .enabled = false}, &f->error));
	assert_true(ALIAS(f, "both@example.test", "bob@example.test", "alice@example.test"));
	assert_string_equal(routes_of(f, "both@example.test"), "alice@example.test !bob@example.test+both@example.test");
	assert_int_equal(kind_of(f, "both@example.test"), RECIPIENT_LOCAL);
}

static void chains_and_crowds_have_limits(void **state)
{
	struct fixture *f = *state;
	char from[40], to[40];
	for (int i = 0; i < 30; i++) {
		snprintf(from, sizeof from, "chain%d@example.test", i);
		snprintf(to, sizeof to, "chain%d@example.test", i + 1);
		assert_true(ALIAS(f, from, to));
	}
	assert_true(ALIAS(f, "chain30@example.test", "alice@example.test"));
	assert_string_equal(routes_of(f, "chain11@example.test"), "alice@example.test");
	assert_non_null(strstr(routes_of(f, "chain0@example.test"), "more than"));
	assert_int_equal(f->error.kind, ERROR_LIMIT);
	assert_int_equal(kind_of(f, "chain0@example.test"), RECIPIENT_TEMPORARY);

	enum { CROWD = 1500 };
	struct slice *targets = arena_array(f->arena, CROWD, sizeof *targets);
	for (int a = 0; a < 4; a++) {
		for (int i = 0; i < CROWD; i++)
			targets[i] = arena_printf(f->arena, "%d-%d@elsewhere.test", a, i);
		snprintf(from, sizeof from, "crowd%d@example.test", a);
		assert_true(directory_set_alias(f->directory, &(struct auth_alias_entry){S(from), targets, CROWD}, &f->error) ||
			    directory_add_alias(f->directory, &(struct auth_alias_entry){S(from), targets, CROWD}, &f->error));
	}
	struct auth_route *routes;
	size_t count;
	assert_true(directory_resolve(f->directory, SLICE("crowd1@example.test"), f->arena, &routes, &count, &f->error));
	assert_int_equal(count, CROWD);
	assert_true(ALIAS(f, "crowds@example.test", "crowd0@example.test", "crowd1@example.test", "crowd2@example.test", "crowd3@example.test"));
	assert_false(directory_resolve(f->directory, SLICE("crowds@example.test"), f->arena, &routes, &count, &f->error));
	assert_int_equal(f->error.kind, ERROR_LIMIT);
	assert_int_equal(kind_of(f, "crowds@example.test"), RECIPIENT_LOCAL);
	struct slice *many = arena_array(f->arena, 3000, sizeof *many);
	for (int i = 0; i < 3000; i++)
		many[i] = arena_printf(f->arena, "%d@elsewhere.test", i);
	assert_false(directory_add_alias(f->directory, &(struct auth_alias_entry){SLICE("all@example.test"), many, 3000}, &f->error));
	assert_int_equal(f->error.kind, ERROR_LIMIT);
	assert_int_equal(kind_of(f, "all@example.test"), RECIPIENT_UNKNOWN); /* nothing of it is left */
}

static void catch_alls_catch_what_nobody_has(void **state)
{
	struct fixture *f = *state;
	assert_true(directory_set_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("second.test"), .catch_all = SLICE("carol@second.test")}, &f->error));
	assert_string_equal(routes_of(f, "whoever@second.test"), "carol@second.test");
	assert_string_equal(routes_of(f, "postmaster@second.test"), "postmaster@example.test");
	assert_true(directory_set_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("second.test"), .catch_all = SLICE("ghost@second.test")}, &f->error));
	assert_string_equal(routes_of(f, "whoever@second.test"), "nobody");
	assert_int_equal(kind_of(f, "whoever@second.test"), RECIPIENT_UNKNOWN);
	assert_true(directory_set_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("second.test"), .catch_all = SLICE("x@elsewhere.test")}, &f->error));
	assert_string_equal(routes_of(f, "whoever@second.test"), "->x@elsewhere.test");
}

static struct config_thresholds thresholds_of(struct fixture *f, const char *address)
{
	struct auth_recipient_accounts accounts;
	directory_recipient(f->directory, S(address), &accounts);
	return accounts.thresholds;
}

static void assert_thresholds(struct config_thresholds found, struct config_thresholds wanted)
{
	if (!config_thresholds_are_same(found, wanted))
		fail_msg("%d %d %d %d", found.tag, found.junk, found.quarantine, found.reject);
}

/* An account's own over its domain's, each of the four by itself; those of several behind an address as they agree. */
static void thresholds_are_the_nearest(void **state)
{
	struct fixture *f = *state;
	struct auth_domain_entry domain = {.name = SLICE("example.test"), .thresholds = {.junk = 700, .reject = 900}};
	struct auth_account_entry alice = {.name = SLICE("alice@example.test"), .enabled = true, .thresholds = {.tag = THRESHOLD_NEVER, .reject = 200}}, read;
	struct auth_route *routes;
	size_t count;
	assert_thresholds(thresholds_of(f, "alice@example.test"), (struct config_thresholds){0});
	assert_true(directory_set_domain(f->directory, &domain, &f->error) && directory_set_account(f->directory, &alice, &f->error));
	assert_true(directory_get_account(f->directory, alice.name, f->arena, &read, &f->error));
	assert_thresholds(read.thresholds, alice.thresholds);
	assert_true(directory_get_domain(f->directory, domain.name, f->arena, &domain, &f->error));
	assert_thresholds(domain.thresholds, (struct config_thresholds){.junk = 700, .reject = 900});
	const struct config_thresholds alices = {.tag = THRESHOLD_NEVER, .junk = 700, .reject = 200}, bobs = domain.thresholds, nothing = {0};
	assert_thresholds(thresholds_of(f, "alice+x@alias.test"), alices);
	assert_thresholds(thresholds_of(f, "bob@example.test"), bobs);
	assert_true(directory_resolve(f->directory, SLICE("alice@example.test"), f->arena, &routes, &count, &f->error) && count == 1);
	assert_thresholds(routes->thresholds, alices);
	ALIAS(f, "both@example.test", "alice@example.test", "bob@example.test");
	ALIAS(f, "away@example.test", "alice@example.test", "x@elsewhere.test");
	assert_thresholds(thresholds_of(f, "both@example.test"), config_thresholds_join(config_current(), alices, bobs));
	assert_thresholds(thresholds_of(f, "away@example.test"), config_thresholds_join(config_current(), alices, nothing));
	assert_thresholds(thresholds_of(f, "carol@second.test"), nothing);
	assert_thresholds(thresholds_of(f, "nobody@example.test"), nothing);
	assert_thresholds(thresholds_of(f, "x@elsewhere.test"), nothing);
	alice.thresholds.quarantine = THRESHOLD_MOST + 1;
	assert_false(directory_set_account(f->directory, &alice, &f->error));
	domain.thresholds.tag = -1;
	assert_false(directory_set_domain(f->directory, &domain, &f->error));
}

static void disabled_accounts_take_no_mail(void **state)
{
	struct fixture *f = *state;
	assert_true(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("bob@example.test"), .enabled = false}, &f->error));
	assert_int_equal(kind_of(f, "bob@example.test"), RECIPIENT_DISABLED);
	assert_string_equal(routes_of(f, "bob@example.test"), "nobody");
	assert_true(ALIAS(f, "team@example.test", "bob@example.test", "alice@example.test"));
	assert_string_equal(routes_of(f, "team@example.test"), "alice@example.test !bob@example.test+team@example.test");
	assert_int_equal(directory_may_send_as(f->directory, SLICE("bob@example.test"), SLICE("bob@example.test")), SENDER_OTHERS);
}

static bool may(struct fixture *f, const char *account, const char *address)
{
	return directory_may_send_as(f->directory, S(account), S(address)) == SENDER_OWN;
}

static void nobody_sends_as_another(void **state)
{
	struct fixture *f = *state;
	assert_true(ALIAS(f, "sales@example.test", "alice@example.test"));
	assert_true(ALIAS(f, "team@example.test", "alice@example.test", "bob@example.test"));
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice+boss@example.test"), .enabled = true}, &f->error));
	assert_true(may(f, "alice@example.test", "Alice@Example.Test"));
	assert_true(may(f, "alice@example.test", "alice+x@example.test"));
	assert_true(may(f, "alice@example.test", "alice@alias.test"));
	assert_true(may(f, "alice@example.test", "sales@example.test"));
	assert_false(may(f, "alice@example.test", "alice+boss@example.test")); /* is somebody else */
	assert_false(may(f, "alice@example.test", "team@example.test"));
	assert_false(may(f, "alice@example.test", "bob@example.test"));
	assert_false(may(f, "alice@example.test", "bob+alice@example.test"));
	assert_false(may(f, "alice@example.test", "alicex@example.test"));
	assert_false(may(f, "alice@example.test", "alice@elsewhere.test"));
	assert_false(may(f, "alice@example.test", "alice@second.test"));
	assert_false(may(f, "alice@example.test", ""));
	assert_false(may(f, "alice@example.test", "@example.test"));
	assert_false(may(f, "ghost@example.test", "ghost@example.test"));
	assert_false(may(f, "", ""));
	assert_true(directory_grant_sender(f->directory, SLICE("alice@example.test"), SLICE("Me@Elsewhere.test"), true, &f->error));
	assert_true(may(f, "alice@example.test", "me@elsewhere.test"));
	assert_false(may(f, "bob@example.test", "me@elsewhere.test"));
	struct slice *list;
	size_t count;
	assert_true(directory_list_senders(f->directory, SLICE("alice@example.test"), f->arena, &list, &count, &f->error));
	assert_int_equal(count, 1);
	assert_true(directory_grant_sender(f->directory, SLICE("alice@example.test"), SLICE("me@elsewhere.test"), false, &f->error));
	assert_false(may(f, "alice@example.test", "me@elsewhere.test"));
	assert_false(directory_grant_sender(f->directory, SLICE("alice@example.test"), SLICE("me@elsewhere.test"), false, &f->error));
}

/* A directory that can't be read now is no reason to refuse anybody for good. */
static void unreadable_is_temporary(void **state)
{
	struct fixture *f = *state;
	assert_true(db_exec(f->directory->db, "DROP TABLE sender", &f->error));
	assert_int_equal(directory_may_send_as(f->directory, SLICE("alice@example.test"), SLICE("alice@example.test")), SENDER_OWN);
	assert_int_equal(directory_may_send_as(f->directory, SLICE("alice@example.test"), SLICE("bob@example.test")), SENDER_TEMPORARY);
	assert_true(db_exec(f->directory->db, "DROP TABLE domain", &f->error));
	assert_int_equal(directory_recipient(f->directory, SLICE("alice@example.test"), NULL), RECIPIENT_TEMPORARY);
}

static enum error_kind add_account(struct fixture *f, struct slice name)
{
	f->error.kind = ERROR_NONE;
	directory_add_account(f->directory, &(struct auth_account_entry){.name = name, .enabled = true}, &f->error);
	return f->error.kind;
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add_account(f, SLICE("alice@example.test")), ERROR_EXISTS);
	assert_int_equal(add_account(f, SLICE("ALICE@example.test")), ERROR_EXISTS);
	assert_int_equal(add_account(f, SLICE("dave@elsewhere.test")), ERROR_NOT_FOUND);
	assert_int_equal(add_account(f, SLICE("dave@alias.test")), ERROR_INVALID);
	assert_int_equal(add_account(f, SLICE("dave")), ERROR_INVALID);
	assert_int_equal(add_account(f, SLICE("")), ERROR_INVALID);
	assert_int_equal(add_account(f, SLICE("da ve@example.test")), ERROR_INVALID);
	assert_int_equal(add_account(f, SLICE("da\nve@example.test")), ERROR_INVALID);
	assert_int_equal(add_account(f, SLICE("da\0ve@example.test")), ERROR_INVALID);
	assert_false(directory_remove_domain(f->directory, SLICE("example.test"), &f->error));
	assert_int_equal(f->error.kind, ERROR_DENIED);
	assert_true(directory_remove_domain(f->directory, SLICE("alias.test"), &f->error));
	assert_false(directory_remove_domain(f->directory, SLICE("alias.test"), &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_false(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("EXAMPLE.test")}, &f->error));
	assert_int_equal(f->error.kind, ERROR_EXISTS);
	assert_false(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("no_good..test")}, &f->error));
	assert_int_equal(f->error.kind, ERROR_INVALID);
	assert_false(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("x.test"), .alias_of = SLICE("ghost.test")}, &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_false(directory_set_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("example.test"), .alias_of = SLICE("second.test")}, &f->error));
	assert_int_equal(f->error.kind, ERROR_DENIED);
	assert_false(ALIAS(f, "x@elsewhere.test", "alice@example.test"));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_false(ALIAS(f, "x@example.test", "not an address"));
	assert_int_equal(f->error.kind, ERROR_INVALID);
	assert_false(directory_remove_alias(f->directory, SLICE("x@example.test"), &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_false(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("ghost@example.test")}, &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
}

static void lists_are_whole(void **state)
{
	struct fixture *f = *state;
	struct auth_domain_entry *domains;
	struct auth_account_entry *accounts, account;
	struct auth_alias_entry *aliases, alias;
	size_t count;
	assert_true(directory_list_domains(f->directory, f->arena, &domains, &count, &f->error));
	assert_int_equal(count, 3);
	assert_true(slice_equal(domains[0].name, SLICE("example.test")) && slice_equal(domains[2].alias_of, SLICE("example.test")));
	assert_true(directory_list_accounts(f->directory, SLICE(""), f->arena, &accounts, &count, &f->error));
	assert_int_equal(count, 4);
	assert_true(directory_list_accounts(f->directory, SLICE("second.test"), f->arena, &accounts, &count, &f->error));
	assert_int_equal(count, 1);
	assert_true(ALIAS(f, "team@example.test", "bob@example.test"));
	assert_true(ALIAS(f, "team@example.test", "alice@example.test"));
	assert_true(ALIAS(f, "sales@second.test", "alice@example.test"));
	assert_true(directory_list_aliases(f->directory, SLICE(""), f->arena, &aliases, &count, &f->error));
	assert_int_equal(count, 2);
	assert_true(directory_get_alias(f->directory, SLICE("Team@alias.test"), f->arena, &alias, &f->error));
	assert_int_equal(alias.target_count, 2);
	assert_true(directory_get_account(f->directory, SLICE("BOB@example.test"), f->arena, &account, &f->error));
	assert_true(account.enabled && !account.has_password && account.created > 0);
}

static void passwords_are_kept_as_hashes(void **state)
{
	struct fixture *f = *state;
	struct auth_credentials before, after, ghost, again;
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE(""), &f->error));
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("a\0b"), &f->error));
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("bell\a"), &f->error));
	assert_false(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("\xff\xfe"), &f->error));
	assert_int_equal(f->error.kind, ERROR_INVALID);
	assert_false(directory_set_password(f->directory, SLICE("ghost@example.test"), SLICE("secret"), &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
	assert_true(directory_set_password(f->directory, SLICE("Alice@example.test"), SLICE("\U0001f426 geheim"), &f->error));
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("ge\u00adheim"), &f->error));
	assert_true(directory_credentials(f->directory, SLICE("alice@example.test"), f->arena, &before, &f->error));
	assert_true(before.known && slice_starts(before.password, SLICE("$argon2id$v=19$m=19456,t=2,p=1$")));
	assert_true(password_verify(before.password, SLICE("geheim"))); /* SASLprep has mapped the soft hyphen to nothing */
	assert_false(password_verify(before.password, SLICE("Geheim")));
	assert_true(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@example.test"), .enabled = true}, &f->error));
	assert_true(directory_credentials(f->directory, SLICE("alice@example.test"), f->arena, &after, &f->error));
	assert_true(after.version != before.version && slice_equal(after.password, before.password));
	/* A stranger gets a salt, and always the same one. */
	assert_true(directory_credentials(f->directory, SLICE("ghost@example.test"), f->arena, &ghost, &f->error));
	directory_close(&f->directory);
	f->directory = directory_open(f->folder.path, &f->error);
	assert_true(directory_credentials(f->directory, SLICE("ghost@example.test"), f->arena, &again, &f->error));
	assert_true(!ghost.known && ghost.salt.len == SCRAM_SALT_SIZE && slice_equal(ghost.salt, again.salt));
	assert_int_equal(ghost.iterations, before.iterations);
}

static void hashes_beyond_limits_are_not_computed(void **state)
{
	(void)state;
	assert_false(password_verify(SLICE("$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA"), SLICE("x")));
	assert_false(password_verify(SLICE("$argon2id$v=19$m=65536,t=1000,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaA"), SLICE("x")));
	assert_false(password_verify(SLICE("$argon2id$v=19$"), SLICE("x")));
	assert_false(password_verify(SLICE(""), SLICE("x")));
	char foreign[ENCODED_HASH_MAX]; /* with other parameters than ours */
	assert_int_equal(argon2id_hash_encoded(1, 64, 2, "x", 1, "saltsalt", 8, 24, foreign, sizeof foreign), ARGON2_OK);
	assert_true(password_verify(slice_of(foreign), SLICE("x")));
	assert_false(password_verify(slice_of(foreign), SLICE("y")));
	char decoy[ENCODED_HASH_MAX];
	password_decoy(decoy);
	assert_false(password_verify(slice_of(decoy), SLICE("x")));
}

static void configure(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	config_set_current(config);
}

static void names_at_sign_in(void **state)
{
	struct fixture *f = *state;
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("ALICE@alias.test"), f->arena), SLICE("alice@example.test")));
	assert_true(slice_empty(directory_sign_in_name(f->directory, SLICE("al\0ice"), f->arena)));
	/* The only one of that name, in whatever domain; two of them, or none, are nobody, with a name that can be nobody's. */
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("Alice"), f->arena), SLICE("alice@example.test")));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("carol"), f->arena), SLICE("carol@second.test")));
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@second.test"), .enabled = true}, &f->error));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("Alice"), f->arena), SLICE("alice")));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("nobody"), f->arena), SLICE("nobody")));
	configure("default_domain = second.test");
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("Alice"), f->arena), SLICE("alice@second.test")));
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("bob"), f->arena), SLICE("bob@example.test")));
	configure("default_domain = alias.test");
	assert_true(slice_equal(directory_sign_in_name(f->directory, SLICE("alice"), f->arena), SLICE("alice@example.test")));
	configure("");
}

static struct auth_credentials credentials_of(struct fixture *f, const char *name)
{
	struct auth_credentials credentials;
	assert_true(directory_credentials(f->directory, S(name), f->arena, &credentials, &f->error));
	return credentials;
}

#define SHA512_CRYPT "$6$saltsalt$pqxtaP8VN9msji06dnBCbUbaSGTOXyo9jZDqZxik1rPexoqRIW4UKuiD0ZHZchCSd7S4/HoRU8bcFbnz2ihUr."

static bool has(struct fixture *f, const char *hash)
{
	bool same = false;
	assert_true(directory_has_hash(f->directory, SLICE("alice@example.test"), S(hash), &same, &f->error));
	return same;
}

/* An imported hash, its replacement by our own, and what a second import sees. */
static void hashes_come_along(void **state)
{
	struct fixture *f = *state;
	struct slice alice = SLICE("alice@example.test");
	struct password_keys keys;
	bool scram;
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && scram);
	assert_true(directory_set_hash(f->directory, alice, SLICE(SHA512_CRYPT), NULL, &f->error));
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && !scram);
	struct auth_account_entry entry = {.name = alice};
	assert_true(directory_set_account(f->directory, &entry, &f->error));
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && scram); /* nobody signs in to what is disabled */
	entry.enabled = true;
	assert_true(directory_set_account(f->directory, &entry, &f->error));
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && !scram);
	struct auth_credentials imported = credentials_of(f, "alice@example.test");
	assert_true(imported.known && imported.imported && password_verify(imported.password, SLICE("wonderland")));
	assert_true(has(f, SHA512_CRYPT) && !has(f, "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ="));
	assert_true(password_derive(SLICE("wonderland"), imported.salt, &keys));
	assert_true(directory_renew_password(f->directory, alice, imported.version + 1, &keys, &f->error)); /* another version: nothing happens */
	assert_true(credentials_of(f, "alice@example.test").imported);
	assert_true(directory_renew_password(f->directory, alice, imported.version, &keys, &f->error));
	struct auth_credentials own = credentials_of(f, "alice@example.test");
	assert_true(!own.imported && slice_starts(own.password, SLICE("$argon2id$")) && password_verify(own.password, SLICE("wonderland")));
	assert_int_equal(own.identity, imported.identity); /* who is signed in stays so */
	assert_true(slice_equal(own.salt, imported.salt) && own.iterations == imported.iterations); /* strangers see no difference */
	assert_true(directory_all_have_scram(f->directory, &scram, &f->error) && scram);
	assert_true(has(f, SHA512_CRYPT)); /* a second import leaves it, also when the password is another by now */
	assert_true(directory_set_password(f->directory, alice, SLICE("looking-glass"), &f->error));
	assert_true(has(f, SHA512_CRYPT));
	/* Without a salt, and in the clear. */
	assert_true(directory_set_hash(f->directory, alice, SLICE("{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ="), NULL, &f->error));
	assert_true(has(f, "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ=") && !has(f, SHA512_CRYPT));
	assert_true(directory_set_hash(f->directory, alice, SLICE("{PLAIN}wonderland"), NULL, &f->error));
	assert_true(has(f, "{PLAIN}wonderland") && has(f, "{CLEAR.hex}776f6e6465726c616e64") && !has(f, "{PLAIN}Wonderland"));
	assert_false(credentials_of(f, "alice@example.test").imported);
	assert_false(directory_set_hash(f->directory, alice, SLICE("{NTLM}5835048ce94ad0564e29a924a03510ef"), NULL, &f->error));
	assert_false(directory_set_hash(f->directory, SLICE("nobody@example.test"), SLICE(SHA512_CRYPT), NULL, &f->error));
	assert_int_equal(f->error.kind, ERROR_NOT_FOUND);
}

/* As many unknown names cost what an imported hash costs as accounts do, each always the same. */
static void unknown_names_cost_what_accounts_do(void **state)
{
	struct fixture *f = *state;
	enum { NAMES = 400 };
	assert_true(directory_set_hash(f->directory, SLICE("alice@example.test"), SLICE(SHA512_CRYPT), NULL, &f->error));
	assert_true(directory_set_password(f->directory, SLICE("bob@example.test"), SLICE("builder"), &f->error));
	int imported = 0;
	for (int i = 0; i < NAMES; i++) {
		char name[32];
		snprintf(name, sizeof name, "n%d@example.test", i);
		struct auth_credentials once = credentials_of(f, name), again = credentials_of(f, name);
		assert_true(!once.known && once.imported == again.imported && slice_equal(once.salt, again.salt));
		assert_true(slice_starts(once.password, once.imported ? SLICE("$6$saltsalt$") : SLICE("$argon2id$")));
		imported += once.imported;
	}
	assert_in_range(imported, NAMES / 4, 3 * NAMES / 4);
	/* Keys that came along are shown to strangers with their rounds: those of unknown names, too. */
	assert_true(directory_set_hash(f->directory, SLICE("alice@example.test"), SLICE("{SCRAM-SHA-256}4096,c2FsdHNhbHQ=,mxRGgNCky0Hiz7O3ncpqBt5EGKzXDjEegs0yAsiDFDc=,"
		"lWtoIsjTMD/Y67qC8KmDvl82JDbcCxJfVAvSjOBJ0Hg="), NULL, &f->error));
	int fewer = 0;
	for (int i = 0; i < NAMES; i++) {
		char name[32];
		snprintf(name, sizeof name, "n%d@example.test", i);
		struct auth_credentials credentials = credentials_of(f, name);
		assert_true(credentials.iterations == SCRAM_ITERATIONS ? credentials.salt.len == SCRAM_SALT_SIZE : credentials.salt.len == 8);
		fewer += credentials.iterations == 4096;
	}
	assert_in_range(fewer, NAMES / 4, 3 * NAMES / 4);
}

static void wire_reading_is_strict(void **state)
{
	(void)state;
	struct buf datagram = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&datagram, SLICE("abc"));
	wire_put_number(&datagram, 5);
	struct wire_reader reader = {.rest = buf_slice(&datagram)};
	struct wire_reader again = reader;
	assert_true(slice_equal(wire_text(&reader, 3), SLICE("abc")));
	assert_false(wire_end(&reader));
	assert_int_equal(wire_number(&reader, 5), 5);
	assert_true(wire_end(&reader));
	assert_int_equal(wire_text(&again, 2).len, 0);
	assert_true(again.broken && !wire_end(&again));
	assert_int_equal(wire_number(&again, UINT64_MAX), 0);
	for (size_t cut = 0; cut < datagram.len; cut++) {
		struct wire_reader part = {.rest = slice_sub(buf_slice(&datagram), 0, cut)};
		wire_text(&part, 3);
		wire_number(&part, 5);
		assert_false(wire_end(&part));
	}
	buf_free(&datagram);
}

static int64_t identity_of(struct fixture *f, const char *name, const char *wanted_why)
{
	const char *why;
	int64_t identity;
	assert_true(directory_identity(f->directory, S(name), &identity, &why, &f->error));
	assert_string_equal(why ? why : "", wanted_why);
	assert_int_equal(identity == 0, why != NULL);
	return identity;
}

static void an_identity_is_an_account_with_its_password(void **state)
{
	struct fixture *f = *state;
	struct auth_account_entry alice = {.name = SLICE("alice@example.test"), .enabled = true};
	const char *name = "alice@example.test";
	identity_of(f, "nobody@example.test", "no such account");
	identity_of(f, name, "the account has no password");
	assert_true(directory_set_password(f->directory, S(name), S("one"), &f->error));
	int64_t first = identity_of(f, name, "");
	alice.display_name = S("Alice");
	alice.quota_bytes = 1000;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_int_equal(identity_of(f, name, ""), first);
	assert_true(directory_set_password(f->directory, S(name), S("one"), &f->error));
	int64_t second = identity_of(f, name, "");
	assert_int_not_equal(second, first);
	alice.enabled = false;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	identity_of(f, name, "the account is disabled");
	alice.enabled = true;
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	int64_t third = identity_of(f, name, "");
	assert_true(third != first && third != second);
	assert_true(directory_remove_account(f->directory, S(name), &f->error));
	assert_true(directory_add_account(f->directory, &alice, &f->error));
	assert_true(directory_set_password(f->directory, S(name), S("one"), &f->error));
	int64_t fourth = identity_of(f, name, "");
	assert_true(fourth != first && fourth != second && fourth != third);
}

/* The names changed since then, as one line; "…" before them if there were more. */
static const char *changed_after(struct fixture *f, int64_t *after)
{
	struct slice *names;
	size_t count;
	bool all;
	struct buf line = BUF(1 << 20);
	assert_true(directory_changes(f->directory, after, &all, f->arena, &names, &count, &f->error));
	buf_append_text(&line, all ? "" : "…");
	for (size_t i = 0; i < count && i < 10; i++)
		buf_printf(&line, "%s%.*s", i ? " " : "", SLICE_ARG(names[i]));
	const char *text = arena_text(f->arena, buf_slice(&line));
	buf_free(&line);
	return text;
}

static void changes_are_told_once(void **state)
{
	struct fixture *f = *state;
	int64_t at, late;
	struct auth_account_entry alice = {.name = SLICE("Alice@example.test"), .enabled = true};
	assert_true(directory_last_change(f->directory, &at, &f->error));
	late = at;
	assert_string_equal(changed_after(f, &at), "");
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_true(directory_set_password(f->directory, S("BOB@example.test"), S("x"), &f->error));
	assert_true(directory_remove_account(f->directory, S("carol@second.test"), &f->error));
	assert_false(directory_remove_account(f->directory, S("carol@second.test"), &f->error));
	assert_false(directory_set_password(f->directory, S("carol@second.test"), S("x"), &f->error));
	assert_string_equal(changed_after(f, &at), "alice@example.test bob@example.test carol@second.test");
	assert_string_equal(changed_after(f, &at), "");
	assert_true(db_begin(f->directory->db, &f->error));
	struct db_statement *more = db_prepare(f->directory->db, "UPDATE change SET number = number + $1");
	db_bind_number(more, 1, CHANGES_KEPT);
	assert_true(db_run(more, &f->error) && db_commit(f->directory->db, &f->error));
	assert_true(directory_set_account(f->directory, &alice, &f->error));
	assert_true(slice_starts(S(changed_after(f, &late)), SLICE("…"))); /* who comes so late isn't told that this is all */
	assert_string_equal(changed_after(f, &late), "");
}

/* ---- Sessions of the web ---- */

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

#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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

static const char *forwarded(struct fixture *f, const char *from, const char *via)
{
	struct slice out;
	assert_true(directory_forward_sender(f->directory, S(from), S(via), f->arena, &out, &f->error));
	return arena_text(f->arena, out);
}

static void senders_are_rewritten_and_found_again(void **state)
{
	struct fixture *f = *state;
	const char *made = forwarded(f, "Ann@far.test", "team@second.test");
	assert_true(slice_starts(S(made), SLICE("SRS0=")) && slice_ends_nocase(S(made), SLICE("=far.test=Ann@second.test")));
	assert_int_equal(kind_of(f, made), RECIPIENT_RETURN);
	assert_string_equal(routes_of(f, made), "->Ann@far.test");
	assert_true(slice_ends_nocase(S(forwarded(f, "ann@far.test", "x@alias.test")), SLICE("@example.test"))); /* its own domain */
	assert_true(slice_ends_nocase(S(forwarded(f, "ann@far.test", "x@far.test")), SLICE("@example.test")));   /* the first */
	assert_string_equal(forwarded(f, "alice@example.test", "team@second.test"), "alice@example.test");
	assert_string_equal(forwarded(f, "", "team@second.test"), "");
	/* Of any domain of ours, but of no other's. */
	const char *moved = arena_printf(f->arena, "%.*s@alias.test", (int)slice_find_char(S(made), '@'), made).at;
	assert_string_equal(routes_of(f, moved), "->Ann@far.test");
	/* What goes round in a circle. */
	const char *back = forwarded(f, "SRS1=whatever=example.test==x@far.test", "team@second.test");
	assert_true(slice_starts(S(back), SLICE("SRS1=")));
	const char *first = forwarded(f, "ann@far.test", "team@example.test");
	const char *again = forwarded(f, arena_printf(f->arena, "SRS1=whatever=example.test=%s@far.test", arena_text(f->arena, slice_sub(S(first), 4, slice_find_char(S(first), '@') - 4))).at,
				      "team@example.test");
	assert_string_equal(routes_of(f, again), "->ann@far.test");
}

static void nobody_thinks_up_a_rewritten_sender(void **state)
{
	struct fixture *f = *state;
	struct auth_domain_entry domain = {.name = SLICE("second.test"), .catch_all = SLICE("carol@second.test")};
	assert_true(directory_set_domain(f->directory, &domain, &f->error));
	assert_int_equal(kind_of(f, "SRS0=abcdefgh=aa=far.test=ann@second.test"), RECIPIENT_UNKNOWN);
	assert_string_equal(routes_of(f, "srs1=abcdefgh=far.test==x@second.test"), "nobody");
	/* Of a domain that has become ours since nobody is reached in this way. */
	const char *made = forwarded(f, "ann@later.test", "team@second.test");
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("later.test")}, &f->error));
	assert_int_equal(kind_of(f, made), RECIPIENT_UNKNOWN);
	/* An alias doesn't lead through one. */
	assert_true(ALIAS(f, "round@example.test", forwarded(f, "ann@far.test", "team@second.test")));
	assert_string_equal(routes_of(f, "round@example.test"), "carol@second.test");
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
		DIRECTORY_TEST(senders_are_rewritten_and_found_again),
		DIRECTORY_TEST(nobody_thinks_up_a_rewritten_sender),
		DIRECTORY_TEST(keys_are_changed_in_one_order),
		DIRECTORY_TEST(a_change_of_keys_is_taken_back),
		DIRECTORY_TEST(a_domain_has_keys_of_its_own),
		DIRECTORY_TEST(addresses_are_found_in_every_form),
		DIRECTORY_TEST(everybody_has_a_postmaster),
		DIRECTORY_TEST(aliases_are_expanded_once),
		DIRECTORY_TEST(loops_of_aliases_end),
		DIRECTORY_TEST(a_wrong_target_costs_the_others_nothing),
		DIRECTORY_TEST(chains_and_crowds_have_limits),
		DIRECTORY_TEST(catch_alls_catch_what_nobody_has),
		DIRECTORY_TEST(thresholds_are_the_nearest),
		DIRECTORY_TEST(disabled_accounts_take_no_mail),
		DIRECTORY_TEST(nobody_sends_as_another),
		DIRECTORY_TEST(unreadable_is_temporary),
		DIRECTORY_TEST(what_makes_no_sense_is_refused),
		DIRECTORY_TEST(lists_are_whole),
		DIRECTORY_TEST(passwords_are_kept_as_hashes),
		DIRECTORY_TEST(names_at_sign_in),
		DIRECTORY_TEST(hashes_come_along),
		DIRECTORY_TEST(unknown_names_cost_what_accounts_do),
		DIRECTORY_TEST(an_identity_is_an_account_with_its_password),
		DIRECTORY_TEST(changes_are_told_once),
		DIRECTORY_TEST(sessions_are_found_by_their_token),
		DIRECTORY_TEST(a_session_is_of_a_sign_in_that_counts),
		DIRECTORY_TEST(sessions_end_with_their_identity),
		DIRECTORY_TEST(sessions_that_rest_end),
		DIRECTORY_TEST(sessions_are_ended),
		DIRECTORY_TEST(sessions_have_a_largest_number),
		DIRECTORY_TEST(push_keys_are_changed_over),
		cmocka_unit_test(hashes_beyond_limits_are_not_computed),
		cmocka_unit_test(wire_reading_is_strict),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free_all();
	return failed;
}
