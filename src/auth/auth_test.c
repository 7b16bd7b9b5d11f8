/* Unit tests of auth.h as other roles use it, against an auth role's server in a thread: look-ups, passwords, changes. */
#include "auth/server_fixture.h"
#include "auth/wire.h"
#include "dkim/key.h"
#include "net/call_wire.h"
#include "store/usage/usage.h"

#include <poll.h>
#include <time.h>

static void rates_are_told(void **state)
{
	struct fixture *f = *state;
	struct auth_rates rates = {1, 1};
	struct error error;
	assert_int_equal(auth_rates(f->auth, NULL, SLICE("alice@example.test"), &rates), RATES_KNOWN);
	assert_int_equal(rates.per_hour, 0);
	struct auth_account_entry alice = {.name = SLICE("alice@example.test"), .enabled = true, .rates = {-1, 20}};
	assert_true(directory_set_account(f->directory, &alice, &error));
	assert_int_equal(auth_rates(f->auth, NULL, SLICE("Alice@EXAMPLE.test"), &rates), RATES_KNOWN);
	assert_int_equal(rates.per_hour, -1);
	assert_int_equal(rates.per_day, 20);
	assert_int_equal(auth_rates(f->auth, NULL, SLICE("nobody@elsewhere.test"), &rates), RATES_KNOWN);
	assert_int_equal(rates.per_day, 0);
}

static void look_ups_are_answered(void **state)
{
	struct fixture *f = *state;
	struct error error;
	struct auth_route *routes;
	size_t count;
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("nobody@example.test"), NULL), RECIPIENT_UNKNOWN);
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("nobody@elsewhere.test"), NULL), RECIPIENT_FOREIGN);
	assert_int_equal(auth_may_send_as(f->auth, NULL, SLICE("alice@example.test"), SLICE("alice+x@example.test")), SENDER_OWN);
	assert_int_equal(auth_may_send_as(f->auth, NULL, SLICE("alice@example.test"), SLICE("bob@example.test")), SENDER_OTHERS);
	assert_true(auth_resolve(f->auth, SLICE("alice+x@example.test"), f->arena, &routes, &count, &error));
	assert_true(count == 1 && routes->local && slice_equal(routes->address, SLICE("alice@example.test")) && slice_equal(routes->detail, SLICE("x")));
	assert_false(auth_resolve(f->auth, SLICE("nobody@example.test"), f->arena, &routes, &count, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	/* What the command line changes is seen at once. */
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("new@example.test"), .enabled = true}, &error));
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("new@example.test"), NULL), RECIPIENT_LOCAL);
}

/* Answers are taken in any order, and of who asked about an address that can't be. */
static void many_are_asked_about_at_once(void **state)
{
	enum { MANY = 100 };
	struct fixture *f = *state;
	struct error error;
	struct auth_question *questions[MANY], *long_one;
	struct auth_route *routes;
	size_t count;
	char address[32], endless[4096];
	for (int i = 0; i < MANY; i++) {
		snprintf(address, sizeof address, "alice+%d@example.test", i);
		questions[i] = auth_resolve_begin(f->auth, slice_of(address));
	}
	memset(endless, 'a', sizeof endless);
	long_one = auth_resolve_begin(f->auth, slice_make(endless, sizeof endless));
	assert_false(auth_resolve_end(&long_one, f->arena, &routes, &count, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	for (int i = MANY - 1; i >= 0; i--) {
		snprintf(address, sizeof address, "%d", i);
		assert_true(auth_resolve_end(&questions[i], f->arena, &routes, &count, &error) && count == 1 && !questions[i]);
		assert_true(slice_equal(routes->detail, slice_of(address)));
	}
}

static void assert_room(struct fixture *f, struct slice address, uint64_t now, uint64_t most)
{
	struct auth_recipient_facts facts;
	assert_int_equal(auth_recipient(f->auth, NULL, address, &facts), RECIPIENT_LOCAL);
	assert_true(facts.room.now == now && facts.room.most == most);
}

static void thresholds_are_told(void **state)
{
	struct fixture *f = *state;
	struct error error;
	struct auth_recipient_facts facts;
	struct auth_route *routes;
	size_t count;
	const struct config_thresholds wanted = {.tag = 50, .junk = THRESHOLD_NEVER, .reject = 250};
	assert_true(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@example.test"), .enabled = true, .thresholds = wanted}, &error));
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), &facts), RECIPIENT_LOCAL);
	assert_true(config_thresholds_are_same(facts.thresholds, wanted));
	assert_true(auth_resolve(f->auth, SLICE("alice@example.test"), f->arena, &routes, &count, &error) && count == 1);
	assert_true(config_thresholds_are_same(routes->thresholds, wanted));
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("x@elsewhere.test"), &facts), RECIPIENT_FOREIGN);
	assert_true(config_thresholds_are_same(facts.thresholds, (struct config_thresholds){0}));
}

/* What the store has noted is known, also after a restart; an address that leads to more than one mailbox has room if one of them has. */
static void full_mailboxes_are_known(void **state)
{
	struct fixture *f = *state;
	struct error error;
	char path[300];
	snprintf(path, sizeof path, "%s/accounts", f->folder.path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_room(f, SLICE("alice@example.test"), UINT64_MAX, UINT64_MAX);
	int table = usage_open(f->folder.path, true);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){900, 3, 1000, 0});
	stop_server(f);
	start_server(f);
	struct slice both[] = {SLICE("alice@example.test"), SLICE("bob@example.test")}, elsewhere[] = {both[0], SLICE("x@elsewhere.test")};
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){.address = SLICE("only@example.test"), .targets = both, .target_count = 1}, &error));
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){.address = SLICE("both@example.test"), .targets = both, .target_count = 2}, &error));
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){.address = SLICE("on@example.test"), .targets = elsewhere, .target_count = 2}, &error));
	assert_room(f, SLICE("alice@example.test"), 100, 1000);
	assert_room(f, SLICE("ALICE+x@example.test"), 100, 1000);
	assert_room(f, SLICE("only@example.test"), 100, 1000);
	assert_room(f, SLICE("both@example.test"), UINT64_MAX, UINT64_MAX);
	assert_room(f, SLICE("on@example.test"), UINT64_MAX, UINT64_MAX);
	assert_room(f, SLICE("bob@example.test"), UINT64_MAX, UINT64_MAX);
	usage_note(table, SLICE("bob@example.test"), &(struct usage){1900, 3, 2000, 0});
	assert_room(f, SLICE("both@example.test"), 100, 2000); /* both are limited: who has more room */
	usage_note(table, SLICE("bob@example.test"), &(struct usage){2500, 3, 2000, 0});
	assert_room(f, SLICE("both@example.test"), 100, 2000);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){1000, 3, 1000, 0});
	assert_room(f, SLICE("both@example.test"), 0, 2000);
	assert_room(f, SLICE("on@example.test"), UINT64_MAX, UINT64_MAX);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){10, 3, 0, 3});
	assert_room(f, SLICE("alice@example.test"), 0, UINT64_MAX);
	usage_note(table, SLICE("alice@example.test"), &(struct usage){10, 3, 0, 0});
	assert_room(f, SLICE("alice@example.test"), UINT64_MAX, UINT64_MAX);
	close(table);
}

static void long_answers_come_in_parts(void **state)
{
	struct fixture *f = *state;
	struct error error;
	struct auth_route *routes;
	size_t count;
	enum { MANY = 1000 };
	struct slice *targets = arena_array(f->arena, MANY, sizeof *targets);
	for (int i = 0; i < MANY; i++)
		targets[i] = arena_printf(f->arena, "%060d@%s.%s.elsewhere.test", i, "a-domain-with-quite-a-long-name-in-it", "another-label-that-is-long-as-well");
	assert_true(directory_add_alias(f->directory, &(struct auth_alias_entry){SLICE("list@example.test"), targets, MANY}, &error));
	assert_true(auth_resolve(f->auth, SLICE("list@example.test"), f->arena, &routes, &count, &error));
	assert_int_equal(count, MANY);
	for (int i = 0; i < MANY; i++)
		assert_true(!routes[i].local && slice_equal(routes[i].address, targets[i]));
}

static void passwords_are_checked(void **state)
{
	struct fixture *f = *state;
	struct error error;
	int delay_ms;
	char longest[3000];
	memset(longest, 'x', sizeof longest);
	assert_int_equal(check(f, "alice@example.test", "wonderland"), SIGN_IN_DONE);
	assert_int_equal(check(f, "ALICE", "wonderland"), SIGN_IN_DONE);
	assert_int_equal(check(f, "alice@example.test", "Wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "alice@example.test", ""), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "nobody@example.test", "wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "bob@example.test", ""), SIGN_IN_REFUSED); /* has no password */
	assert_int_equal(check(f, "", ""), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "alice+x@example.test", "wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check_from(f, "192.0.2.1", "alice", slice_make(longest, sizeof longest), &delay_ms), SIGN_IN_REFUSED);
	assert_int_equal(check_from(f, "192.0.2.1", "alice", SLICE("wonderland\0"), &delay_ms), SIGN_IN_REFUSED);
	/* A change of the password is seen at once, though the old one was verified a moment ago. */
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("looking-glass"), &error));
	assert_int_equal(check(f, "alice@example.test", "wonderland"), SIGN_IN_REFUSED);
	assert_int_equal(check(f, "alice@example.test", "looking-glass"), SIGN_IN_DONE);
	assert_true(directory_set_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@example.test"), .enabled = false}, &error));
	assert_int_equal(check(f, "alice@example.test", "looking-glass"), SIGN_IN_REFUSED);
}

/* Processor time of client and server together, the least of some rounds: what else the machine does hardly changes it. */
static clock_t cost_of(struct fixture *f, const char *name, const char *password)
{
	enum { ROUNDS = 10 };
	clock_t least = 0;
	for (int i = 0; i < ROUNDS; i++) {
		clock_t start = clock();
		check(f, name, password);
		clock_t cost = clock() - start;
		least = i == 0 || cost < least ? cost : least;
	}
	return least;
}

static void strangers_cost_the_same_time(void **state)
{
	struct fixture *f = *state;
	clock_t known = cost_of(f, "alice@example.test", "wrong"), unknown = cost_of(f, "nobody@example.test", "wrong");
	assert_true(unknown >= known / 2 && known >= unknown / 2);
	assert_int_equal(check(f, "alice@example.test", "wonderland"), SIGN_IN_DONE);
	assert_true(cost_of(f, "alice@example.test", "wonderland") < known / 2); /* verified a moment ago: needs no hash */
}

/* As fast as it goes from one address: few are looked at. Elsewhere the right password is let in, at once where it was before, also
 * by another auth process. */
static void guessing_is_throttled(void **state)
{
	struct fixture *f = *state;
	enum { TRIES = 30 };
	int delay_ms = 0, refused = 0, sent_away = 0;
	configure("auth_failures = 3\nauth_failures_per_address = 10");
	assert_int_equal(check_from(f, "198.51.100.1", "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
	for (int i = 0; i < TRIES; i++) {
		enum sign_in_status status = check_from(f, "203.0.113.9", "alice", SLICE("guess"), &delay_ms);
		refused += status == SIGN_IN_REFUSED;
		sent_away += status == SIGN_IN_THROTTLED;
		assert_true(delay_ms <= 30000 && (i < 3) == (delay_ms == 0));
	}
	assert_int_equal(refused + sent_away, TRIES);
	assert_in_range(refused, 4, 10);
	for (int restart = 0; restart < 2; restart++) {
		assert_int_equal(check_from(f, "198.51.100.1", "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
		assert_int_equal(delay_ms, 0);
		stop_server(f);
		start_server(f);
	}
	for (int i = 0; i < TRIES; i++)
		check_from(f, "203.0.113.9", "alice", SLICE("guess"), &delay_ms);
	for (int i = 0; i < 13; i++) {
		char address[40];
		snprintf(address, sizeof address, "192.0.%d.1", i);
		assert_int_equal(check_from(f, address, "alice", SLICE("wonderland"), &delay_ms), SIGN_IN_DONE);
		assert_in_range(delay_ms, 0, 13 * 200);
	}
}

/* ---- What is announced ---- */

struct heard {
	pthread_mutex_t lock;
	pthread_cond_t news;
	int changes;
	struct auth_account last;
	char name[100], reason[200];
};

static void hear(void *context, const struct auth_change *change)
{
	struct heard *heard = context;
	pthread_mutex_lock(&heard->lock);
	heard->changes++;
	heard->last.identity = change->account.identity;
	snprintf(heard->name, sizeof heard->name, "%.*s", SLICE_ARG(change->account.name));
	snprintf(heard->reason, sizeof heard->reason, "%.*s", SLICE_ARG(change->reason));
	pthread_cond_broadcast(&heard->news);
	pthread_mutex_unlock(&heard->lock);
}

/* Waits until so many changes were heard, a second at most. */
static void wait_for_news(struct heard *heard, int changes)
{
	int64_t until = clock_monotonic_ms() + 1000;
	pthread_mutex_lock(&heard->lock);
	while (heard->changes < changes)
		assert_true(clock_wait(&heard->news, &heard->lock, until));
	assert_int_equal(heard->changes, changes);
	pthread_mutex_unlock(&heard->lock);
}

static void changes_are_announced(void **state)
{
	struct fixture *f = *state;
	struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct auth_account account;
	struct error error;
	int delay_ms;
	struct sign_in_client client = client_at("192.0.2.1");
	const struct auth_account_entry disabled = {.name = SLICE("alice@example.test")};
	clock_init_condition(&heard.news);
	stop_server(f);
	f->changed = hear;
	f->changed_context = &heard;
	start_server(f);
	assert_int_equal(auth_check_password(f->auth, NULL, SLICE("alice"), SLICE("wonderland"), &client, f->arena, &account, &delay_ms), SIGN_IN_DONE);
	assert_int_equal(auth_stands(f->auth, NULL, &account), AUTH_STANDS);
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("looking-glass"), &error));
	struct auth_account at_once = account, long_ago = account;
	at_once.asked_ms = clock_monotonic_ms();
	assert_int_equal(auth_stands(f->auth, NULL, &at_once), AUTH_STANDS); /* that it has ended will be heard */
	long_ago.asked_ms -= 1000;
	assert_int_equal(auth_stands(f->auth, NULL, &long_ago), AUTH_ENDED); /* whatever was heard */
	auth_note_change(f->auth);
	assert_int_equal(auth_stands(f->auth, NULL, &at_once), AUTH_ENDED);
	wait_for_news(&heard, 1);
	assert_string_equal(heard.name, "alice@example.test");
	assert_true(heard.last.identity != 0 && heard.last.identity != account.identity);
	assert_true(directory_set_account(f->directory, &disabled, &error));
	wait_for_news(&heard, 2);
	assert_int_equal(heard.last.identity, 0);
	assert_string_equal(heard.reason, "the account is disabled");
	assert_int_equal(auth_stands(f->auth, NULL, &(struct auth_account){.name = SLICE("alice@example.test")}), AUTH_ENDED);
	stop_server(f);
	f->changed = NULL;
	start_server(f);
	pthread_cond_destroy(&heard.news);
}

/* Nobody is there to be asked. */
static void what_was_just_answered_is_not_asked_again(void **state)
{
	struct fixture *f = *state;
	struct auth_account account;
	int delay_ms;
	struct sign_in_client client = client_at("192.0.2.1");
	assert_int_equal(auth_check_password(f->auth, NULL, SLICE("alice"), SLICE("wonderland"), &client, f->arena, &account, &delay_ms), SIGN_IN_DONE);
	stop_server(f);
	account.asked_ms = clock_monotonic_ms();
	assert_int_equal(auth_stands(f->auth, NULL, &account), AUTH_STANDS);
	assert_int_equal(recv(f->ends[0][1], &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	start_server(f);
}

/* Digests are signed with the keys of a domain, for who may have that; the keys stay. */
static void what_goes_out_is_signed(void **state)
{
	struct fixture *f = *state;
	struct auth_signing_key *keys, *public;
	struct error error;
	size_t count, public_count;
	static const unsigned char digest[AUTH_DIGEST_SIZE] = "0123456789012345678901234567890";
	struct auth *other = auth_open(dup(f->ends[1][0]));
	assert_true(auth_signing_keys(f->auth, SLICE("example.test"), f->arena, &keys, &count) && count == 0);
	assert_true(directory_make_keys(f->directory, SLICE("example.test"), &error));
	assert_true(auth_signing_keys(f->auth, SLICE("Example.test"), f->arena, &keys, &count));
	assert_true(directory_list_keys(f->directory, SLICE("example.test"), f->arena, &public, &public_count, &error));
	assert_int_equal(count, 2);
	assert_int_equal(public_count, 2);
	for (size_t i = 0; i < count; i++) {
		struct buf signature = BUF(AUTH_SIGNATURE_MAX);
		struct lookup_record record = {.data = public[i].record};
		struct lookup_answer answer = {.status = LOOKUP_FOUND, .records = &record, .count = 1};
		enum dkim_algorithm algorithm = keys[i].ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
		struct dkim_key key;
		assert_true(slice_equal(keys[i].selector, public[i].selector));
		assert_true(auth_sign(f->auth, SLICE("example.test"), keys[i].selector, digest, &signature));
		assert_int_equal(dkim_key_choose(&answer, algorithm, &key), DKIM_VALID);
		assert_true(dkim_key_verifies(&key, algorithm, digest, buf_slice(&signature)));
		dkim_key_clear(&key);
		buf_clear(&signature);
		assert_false(auth_sign(f->auth, SLICE("example.test"), SLICE("other"), digest, &signature));
		assert_false(auth_sign(f->auth, SLICE("other.test"), keys[i].selector, digest, &signature));
		assert_false(auth_sign(other, SLICE("example.test"), keys[i].selector, digest, &signature));
		buf_free(&signature);
	}
	assert_false(auth_signing_keys(other, SLICE("example.test"), f->arena, &keys, &count));
	auth_close(&other);
}

/* How many keys of example.test are at that step, and have been seen in the DNS, or haven't; those of one second have no order. */
static size_t count_keys(struct fixture *f, enum auth_key_state state, bool seen)
{
	struct auth_signing_key *keys;
	struct error error;
	size_t count, found = 0;
	assert_true(directory_list_keys(f->directory, SLICE("example.test"), f->arena, &keys, &count, &error));
	for (size_t i = 0; i < count; i++)
		found += keys[i].state == state && (keys[i].seen > 0) == seen && !keys[i].forgotten;
	return found;
}

/* A change of keys goes on for who may have digests signed, by what he says of the DNS, and when its time has come. */
static void a_change_of_keys_goes_on(void **state)
{
	struct fixture *f = *state;
	struct auth_signing_key *keys;
	struct error error;
	struct slice domain, none = {NULL, 0};
	size_t count;
	struct auth *other = auth_open(dup(f->ends[1][0]));
	assert_true(directory_make_keys(f->directory, SLICE("example.test"), &error));
	assert_true(auth_rotation_next(f->auth, none, f->arena, &domain, &keys, &count) && domain.len == 0 && count == 0);
	assert_true(directory_rotation_begin(f->directory, SLICE("example.test"), &error));
	assert_true(auth_rotation_next(f->auth, none, f->arena, &domain, &keys, &count));
	assert_true(slice_equal(domain, SLICE("example.test")) && count == 2 && slice_starts(keys[0].record, SLICE("v=DKIM1;")));
	assert_true(auth_rotation_next(f->auth, domain, f->arena, &domain, &keys, &count) && domain.len == 0);
	domain = SLICE("example.test");
	assert_false(auth_rotation_next(other, none, f->arena, &domain, &keys, &count) || auth_rotation_shown(other, SLICE("example.test"), true, 1));
	domain = SLICE("example.test");
	assert_true(auth_rotation_shown(f->auth, domain, true, 60) && auth_rotation_shown(f->auth, domain, true, 60));
	assert_int_equal(count_keys(f, KEY_NEW, true), 2); /* not yet */
	assert_true(auth_rotation_shown(f->auth, domain, false, 0));
	assert_int_equal(count_keys(f, KEY_NEW, false), 2); /* from the beginning */
	assert_true(directory_rotation_saw(f->directory, domain, clock_now() - ROTATION_SHOWN_SECONDS - 100, &error));
	assert_true(auth_rotation_shown(f->auth, domain, true, 2 * ROTATION_SHOWN_SECONDS)); /* some may keep them for longer */
	assert_int_equal(count_keys(f, KEY_NEW, true), 2);
	assert_true(auth_rotation_shown(f->auth, domain, true, 60));
	assert_true(count_keys(f, KEY_SIGNS, false) == 2 && count_keys(f, KEY_RETIRED, false) == 2);
	assert_true(auth_rotation_next(f->auth, none, f->arena, &domain, &keys, &count) && domain.len > 0 && count == 0);
	assert_true(count_keys(f, KEY_SIGNS, false) == 2 && count_keys(f, KEY_RETIRED, false) == 2);
	auth_close(&other);
}

/* ---- Sessions of the web ---- */

static void browsers_stay_signed_in(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_WEB_TOKEN_SIZE + 1];
	struct auth_web_session *list, found, session = {.account = SLICE("alice@example.test"), .device = SLICE("a device"), .address = SLICE("192.0.2.1")};
	struct auth_account account;
	struct sign_in_client client = client_at("192.0.2.1");
	size_t count;
	int delay_ms;
	assert_int_equal(auth_check_password(f->auth, NULL, SLICE("alice"), SLICE("wonderland"), &client, f->arena, &account, &delay_ms), SIGN_IN_DONE);
	session.identity = account.identity;
	assert_int_equal(auth_web_begin(f->auth, NULL, &session, token), AUTH_WEB_DONE);
	assert_int_equal(auth_web_find(f->auth, NULL, slice_of(token), f->arena, &found), AUTH_WEB_DONE);
	assert_true(slice_equal(found.account, session.account) && found.identity == session.identity && slice_equal(found.device, session.device) && slice_equal(found.address, session.address));
	assert_int_equal(auth_web_list(f->auth, NULL, session.account, f->arena, &list, &count), AUTH_WEB_DONE);
	assert_true(count == 1 && list[0].id == found.id);
	assert_int_equal(auth_web_list(f->auth, NULL, SLICE("bob@example.test"), f->arena, &list, &count), AUTH_WEB_DONE);
	assert_int_equal(count, 0);
	assert_int_equal(auth_web_end(f->auth, NULL, SLICE("bob@example.test"), found.id), AUTH_WEB_NONE);
	assert_int_equal(auth_web_find(f->auth, NULL, SLICE("short"), f->arena, &found), AUTH_WEB_NONE);
	assert_int_equal(auth_web_end(f->auth, NULL, session.account, 0), AUTH_WEB_DONE);
	assert_int_equal(auth_web_end(f->auth, NULL, session.account, 0), AUTH_WEB_NONE);
	assert_int_equal(auth_web_find(f->auth, NULL, slice_of(token), f->arena, &found), AUTH_WEB_NONE);
	session.identity++;
	assert_int_equal(auth_web_begin(f->auth, NULL, &session, token), AUTH_WEB_NONE);
	assert_string_equal(token, "");
}

static void push_services_are_told_who_we_are(void **state)
{
	struct fixture *f = *state;
	struct auth_push_key key, again;
	struct slice token;
	assert_int_equal(auth_push_token(f->auth, NULL, 0, SLICE(""), f->arena, &key, NULL), AUTH_WEB_DONE);
	assert_true(key.id != 0 && key.public[0] == 4);
	assert_int_equal(auth_push_token(f->auth, NULL, key.id, SLICE("https://push.example.net"), f->arena, &again, &token), AUTH_WEB_DONE);
	assert_true(again.id == key.id && slice_starts(token, SLICE("vapid t=eyJ")) && slice_find(token, SLICE(", k=B")) != SLICE_NONE);
	assert_memory_equal(again.public, key.public, sizeof key.public);
	assert_int_equal(auth_push_token(f->auth, NULL, key.id + 1, SLICE("https://push.example.net"), f->arena, &again, &token), AUTH_WEB_NONE);
	assert_int_equal(auth_push_token(f->auth, NULL, 0, SLICE("https://\",\"exp\":9"), f->arena, &again, &token), AUTH_WEB_TEMPORARY);
}

/* A role that was taken over, by hand: `generation` of the auth role that has said hello over its channel. */
struct enemy { int fd; uint64_t generation, id; };

static struct enemy enemy_of(int fd)
{
	static char bytes[CALL_DATAGRAM_MAX];
	struct call_datagram hello;
	assert_int_equal(call_receive(fd, bytes, &hello), 1);
	return (struct enemy){.fd = fd, .generation = hello.generation};
}

static uint64_t send_question(struct enemy *enemy, unsigned verb, struct buf *text)
{
	struct call_datagram question = {.kind = CALL_QUESTION, .verb = verb, .generation = enemy->generation, .id = ++enemy->id,
		.time = clock_monotonic_ms() + 60 * 1000, .text = buf_slice(text)};
	assert_true(call_send(enemy->fd, &question));
	buf_free(text);
	return question.id;
}

/* Asks it, and then something honest. Is the former answered, before the latter at least? */
static bool is_answered(struct enemy *enemy, unsigned verb, struct buf *text)
{
	static char bytes[CALL_DATAGRAM_MAX];
	struct buf honest = BUF(WIRE_QUESTION_MAX);
	struct call_datagram answer = {0};
	wire_put_text(&honest, SLICE("alice@example.test"));
	uint64_t first = send_question(enemy, verb, text), second = send_question(enemy, WIRE_LANGUAGE, &honest);
	for (struct pollfd polled = {.fd = enemy->fd, .events = POLLIN}; answer.id != second && poll(&polled, 1, 20000) > 0;) {
		assert_int_equal(call_receive(enemy->fd, bytes, &answer), 1);
		if (answer.kind == CALL_ANSWER && answer.id == first)
			return true;
	}
	assert_true(answer.id == second);
	return false;
}

static struct buf question_of_begin(const char *account, const char *device)
{
	struct buf text = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&text, slice_of(account));
	wire_put_number(&text, 1);
	wire_put_text(&text, slice_of(device));
	wire_put_text(&text, SLICE("192.0.2.1"));
	return text;
}

static struct buf question_of(const char *text)
{
	struct buf question = BUF(WIRE_QUESTION_MAX);
	wire_put_text(&question, slice_of(text));
	return question;
}

#define A_TOKEN "abcdefghijklmnopqrstuvwxyz0123456789abcdefg"

/* Whatever another role asks about them has no answer. */
static void sessions_are_told_to_the_web_role_alone(void **state)
{
	struct fixture *f = *state;
	struct enemy enemy = enemy_of(f->ends[1][0]);
	struct buf begin = question_of_begin("alice@example.test", "x"), find = question_of(A_TOKEN), list = question_of("alice@example.test"), end = question_of("alice@example.test");
	struct buf key = BUF(WIRE_QUESTION_MAX);
	wire_put_number(&end, 0);
	wire_put_number(&key, 0);
	wire_put_text(&key, SLICE("https://push.example.net"));
	assert_false(is_answered(&enemy, WIRE_PUSH_TOKEN, &key));
	assert_false(is_answered(&enemy, WIRE_WEB_BEGIN, &begin));
	assert_false(is_answered(&enemy, WIRE_WEB_FIND, &find));
	assert_false(is_answered(&enemy, WIRE_WEB_LIST, &list));
	assert_false(is_answered(&enemy, WIRE_WEB_END, &end));
}

static void malformed_questions_of_the_web_role_have_no_answer(void **state)
{
	struct fixture *f = *state;
	struct enemy enemy = enemy_of(f->ends[WEB_CHANNEL][0]);
	char large[AUTH_WEB_DEVICE_MAX + 2];
	memset(large, 'x', sizeof large);
	large[sizeof large - 1] = '\0';
	const char *const devices[] = {"a\nb", "\x1b[2J", "\x7f", "\xff", "\xc3", large};
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		struct buf question = question_of_begin("alice@example.test", devices[i]);
		assert_false(is_answered(&enemy, WIRE_WEB_BEGIN, &question));
	}
	for (unsigned verb = WIRE_WEB_BEGIN; verb <= WIRE_WEB_END; verb++) {
		struct buf nothing = BUF(1), short_one = question_of(""), half = BUF(WIRE_QUESTION_MAX), more = question_of(verb == WIRE_WEB_FIND ? A_TOKEN : "alice@example.test");
		buf_append(&half, SLICE("\x30\x00x"));
		buf_append_text(&more, "12345678" "12345678" "1");
		assert_false(is_answered(&enemy, verb, &nothing));
		assert_int_equal(is_answered(&enemy, verb, &short_one), verb == WIRE_WEB_FIND); /* of an empty token it is told that it is nobody's */
		assert_false(is_answered(&enemy, verb, &half));
		assert_false(is_answered(&enemy, verb, &more));
	}
	struct buf good = question_of("alice@example.test");
	assert_true(is_answered(&enemy, WIRE_WEB_LIST, &good));
	assert_int_equal(auth_recipient(f->auth, NULL, SLICE("alice@example.test"), NULL), RECIPIENT_LOCAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUTH_TEST(rates_are_told),
		AUTH_TEST(what_goes_out_is_signed), AUTH_TEST(a_change_of_keys_goes_on),
		AUTH_TEST(look_ups_are_answered),
		AUTH_TEST(many_are_asked_about_at_once),
		AUTH_TEST(full_mailboxes_are_known),
		AUTH_TEST(thresholds_are_told),
		AUTH_TEST(long_answers_come_in_parts),
		AUTH_TEST(passwords_are_checked),
		AUTH_TEST(strangers_cost_the_same_time),
		AUTH_TEST(guessing_is_throttled),
		AUTH_TEST(changes_are_announced),
		AUTH_TEST(what_was_just_answered_is_not_asked_again),
		AUTH_TEST(browsers_stay_signed_in), AUTH_TEST(push_services_are_told_who_we_are),
		AUTH_TEST(sessions_are_told_to_the_web_role_alone),
		AUTH_TEST(malformed_questions_of_the_web_role_have_no_answer),
	};
	RUN_AUTH_TESTS(tests);
}
