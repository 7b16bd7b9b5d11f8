/* Unit tests of the directory: who is there, and where mail goes. */
#include "auth/directory_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		DIRECTORY_TEST(senders_are_rewritten_and_found_again),
		DIRECTORY_TEST(nobody_thinks_up_a_rewritten_sender),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free_all();
	return failed;
}
