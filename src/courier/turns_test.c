/* Turns: who goes next, how many at a time, and who waits for whom. Time is what the tests say it is. */
#include "courier/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ERRANDS = 20000 };

static struct {
	struct courier_turns *turns;
	struct courier_limits limits;
	struct courier_errand *errands; /* those of the test, in the order in which they were added */
	size_t count;
	bool *given; /* of each: it was given out, and hasn't ended */
	int64_t now;
} t;

static const struct courier_trouble away = {.status = "4.4.1", .text = "away"};

static int begin(void **state)
{
	(void)state;
	t.turns = courier_turns_new();
	t.limits = (struct courier_limits){.sessions = 100, .per_destination = 5, .rest_ms = 60000};
	t.errands = calloc(ERRANDS, sizeof *t.errands);
	t.given = calloc(ERRANDS, sizeof *t.given);
	t.count = 0;
	t.now = 1000;
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < t.count; i++) {
		if (t.given[i] && t.errands[i].address)
			courier_turns_leave(t.turns, &t.errands[i], COURIER_UNDECIDED, NULL, &t.limits, t.now);
		if (t.given[i])
			courier_turns_end(t.turns, &t.errands[i], COURIER_UNDECIDED, NULL, &t.limits, t.now);
	}
	while (courier_turns_clear(t.turns))
		;
	courier_turns_free(&t.turns);
	free(t.errands);
	free(t.given);
	return 0;
}

static int64_t add_of(const char *sender, const char *destination, bool stranger)
{
	struct courier_errand *errand = &t.errands[t.count++];
	errand->stranger = stranger;
	return courier_turns_add(t.turns, errand, slice_of(destination), slice_of(sender), t.now);
}

static void add(const char *sender, const char *destination)
{
	assert_int_equal(add_of(sender, destination, false), 0);
}

static void add_many(const char *sender, const char *form, int count, bool stranger)
{
	char name[64];
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, form, i);
		assert_int_equal(add_of(sender, name, stranger), 0);
	}
}

static struct courier_errand *next(void)
{
	struct courier_errand *errand = courier_turns_next(t.turns, &t.limits, t.now);
	if (errand)
		t.given[errand - t.errands] = true;
	return errand;
}

/* Gives out all that can be; returns how many, and the last. */
static size_t give_all(struct courier_errand **last)
{
	size_t count = 0;
	for (struct courier_errand *errand; (errand = next()); count++)
		if (last)
			*last = errand;
	return count;
}

static void finish(struct courier_errand *errand, enum courier_outcome outcome)
{
	courier_turns_end(t.turns, errand, outcome, &away, &t.limits, t.now);
	t.given[errand - t.errands] = false;
}

static void assert_goes_to(struct courier_errand *errand, const char *name)
{
	assert_non_null(errand);
	assert_string_equal(courier_turns_destination(errand).at, name);
}

static enum courier_entry enter(struct courier_errand *errand, const char *address)
{
	struct courier_trouble why;
	enum courier_entry entry = courier_turns_enter(t.turns, errand, slice_of(address), true, &t.limits, t.now, &why);
	t.given[errand - t.errands] = entry != COURIER_PARKED;
	return entry;
}

static void leave(struct courier_errand *errand, enum courier_outcome outcome)
{
	courier_turns_leave(t.turns, errand, outcome, &away, &t.limits, t.now);
}

/* Makes a destination a proven one. */
static void prove(const char *destination)
{
	add("prover", destination);
	struct courier_errand *errand = next();
	assert_goes_to(errand, destination);
	finish(errand, COURIER_WORKED);
}

static void a_destination_begins_with_one_and_grows(void **state)
{
	(void)state;
	struct courier_errand *first = NULL;
	for (int i = 0; i < 30; i++)
		add("anna", "far.test");
	assert_int_equal(give_all(&first), 1);
	for (size_t active = 1; active < 5; active++) { /* one ends, and two may begin */
		finish(first, COURIER_WORKED);
		assert_int_equal(give_all(&first), 2);
	}
	finish(first, COURIER_WORKED);
	assert_int_equal(give_all(&first), 1);
	t.limits.per_destination = 2; /* options change */
	finish(first, COURIER_WORKED);
	assert_int_equal(give_all(NULL), 0);
}

static void what_is_unreachable_rests(void **state)
{
	(void)state;
	struct courier_trouble why;
	prove("far.test");
	add("anna", "far.test");
	struct courier_errand *first = next();
	add_many("anna", "far.test", 3, false);
	add_many("bob", "far.test", 3, false);
	finish(first, COURIER_UNREACHABLE);
	for (int i = 0; i < 6; i++) {
		struct courier_errand *errand = next();
		assert_true(courier_turns_rests(errand, t.now, &why));
		assert_string_equal(why.text, "away");
		finish(errand, COURIER_UNDECIDED);
	}
	t.now += t.limits.rest_ms;
	add_many("anna", "far.test", 3, false);
	struct courier_errand *errand = next();
	assert_false(courier_turns_rests(errand, t.now, &why));
	assert_null(next()); /* it begins with one again */
	finish(errand, COURIER_WORKED);
}

static void senders_take_turns(void **state)
{
	(void)state;
	struct courier_errand *errand = NULL;
	add_many("mass", "d%d.test", 500, false);
	assert_int_equal(give_all(&errand), 56); /* of 75 for the unproven, one sender gets three quarters */
	add("anna", "e.test");
	add("bob", "f.test");
	assert_goes_to(next(), "e.test");
	assert_goes_to(next(), "f.test");
	assert_null(next());
	finish(errand, COURIER_UNDECIDED);
	assert_non_null(next());
	assert_null(next());
}

static void strangers_stop_nobody(void **state)
{
	(void)state;
	char name[32];
	struct courier_errand *errand = NULL;
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof name, "[192.0.2.%d]", i);
		add_many(name, "d%d.test", 60, true);
	}
	assert_int_equal(give_all(&errand), 37); /* half of 75 */
	add_many("anna", "e%d.test", 10, false);
	assert_int_equal(give_all(NULL), 10);
	finish(errand, COURIER_UNDECIDED);
	assert_int_equal(give_all(NULL), 1);
}

static void sessions_are_kept_for_what_works(void **state)
{
	(void)state;
	prove("fine.test");
	for (int i = 0; i < 10; i++) {
		char sender[16], form[32];
		snprintf(sender, sizeof sender, "s%d", i);
		snprintf(form, sizeof form, "d%d-%%d.test", i);
		add_many(sender, form, 20, false);
	}
	while (next())
		;
	add("anna", "fine.test");
	add("anna", "new.test");
	assert_goes_to(next(), "fine.test");
	assert_null(next());
}

static void what_has_become_slow_is_no_longer_proven(void **state)
{
	(void)state;
	t.limits.sessions = 4; /* one kept */
	prove("slow.test");
	add("anna", "slow.test");
	struct courier_errand *errand = next();
	t.now += 30000;
	finish(errand, COURIER_WORKED);
	add_many("bob", "d%d.test", 2, false);
	add("carol", "d9.test");
	assert_int_equal(give_all(&errand), 3);
	add("anna", "slow.test");
	assert_null(next());
	finish(errand, COURIER_UNREACHABLE);
	assert_goes_to(next(), "slow.test");
}

static void what_is_proven_meanwhile_waits_no_longer(void **state)
{
	(void)state;
	t.limits.sessions = 4;
	add("anna", "new.test");
	struct courier_errand *errand = next();
	add_many("bob", "d%d.test", 2, false);
	assert_int_equal(give_all(NULL), 2);
	add("anna", "new.test");
	add("carol", "new.test");
	add("carol", "d7.test");
	assert_null(next());
	finish(errand, COURIER_WORKED);
	assert_int_equal(give_all(NULL), 2); /* one in the kept session */
}

static void domains_at_one_address_share_it(void **state)
{
	(void)state;
	struct courier_errand *entered[3] = {0}, *errand;
	add_many("anna", "d%d.test", 20, false);
	size_t parked = 0, inside = 0;
	while ((errand = next())) {
		enum courier_entry entry = enter(errand, "192.0.2.1");
		if (entry == COURIER_ENTERED)
			entered[inside++] = errand;
		parked += entry == COURIER_PARKED;
	}
	assert_int_equal(inside, 2);
	assert_int_equal(parked, 18);
	/* Those who wait hold no session, and nobody else's way is barred. */
	add("anna", "other.test");
	errand = next();
	assert_goes_to(errand, "other.test");
	assert_int_equal(enter(errand, "192.0.2.2"), COURIER_ENTERED);
	/* A success makes room for two. */
	leave(entered[0], COURIER_WORKED);
	finish(entered[0], COURIER_WORKED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(enter(next(), "192.0.2.1"), COURIER_ENTERED);
	assert_null(next());
	/* When it is away, all hear of it at once. */
	struct courier_trouble why;
	leave(entered[1], COURIER_UNREACHABLE);
	finish(entered[1], COURIER_UNREACHABLE);
	for (size_t i = 0; i < 16; i++) {
		errand = next();
		assert_non_null(errand);
		assert_int_equal(courier_turns_enter(t.turns, errand, SLICE("192.0.2.1"), true, &t.limits, t.now, &why), COURIER_RESTING);
		assert_string_equal(why.text, "away");
		finish(errand, COURIER_UNDECIDED);
	}
	assert_null(next());
}

static void some_room_is_always_left_to_wait_in(void **state)
{
	(void)state;
	size_t taken = 0;
	while (add_of("mass", "d.test", false) == 0)
		taken++;
	assert_int_equal(taken, 3333); /* a third */
	int64_t before = add_of("mass", "d.test", false), later = 0;
	assert_in_range(before, COURIER_PUT_OFF_SECONDS_LEAST, COURIER_PUT_OFF_SECONDS_LEAST + 1);
	for (int i = 0; i < 1000; i++)
		later = add_of("mass", "e.test", false);
	assert_in_range(later, before + 10, before + 30); /* each gets a slot of its own */
	add("anna", "f.test");
	assert_int_equal(courier_turns_waiting(t.turns), taken + 1);
}

static void what_is_remembered_is_bounded(void **state)
{
	(void)state;
	char name[32];
	for (int i = 0; i < ERRANDS; i++) {
		snprintf(name, sizeof name, "d%d.test", i);
		struct courier_errand *errand = &t.errands[0];
		*errand = (struct courier_errand){0};
		assert_int_equal(courier_turns_add(t.turns, errand, slice_of(name), SLICE("anna"), t.now), 0);
		assert_ptr_equal(next(), errand);
		assert_int_equal(enter(errand, name), COURIER_ENTERED);
		leave(errand, COURIER_WORKED);
		finish(errand, COURIER_WORKED);
	}
	assert_in_range(courier_turns_remembered(t.turns), 1000, 20000);
	t.now += 3600 * 1000;
	prove("last.test");
	assert_in_range(courier_turns_remembered(t.turns), 1, 10001); /* addresses go when the next one is used */
}

/* Whatever happens in whatever order, no errand gets lost, and no share is overdrawn. */
static void nothing_gets_lost(void **state)
{
	(void)state;
	static struct courier_errand *active[200];
	size_t count = 0, ended = 0;
	char address[16], sender[16], name[16];
	srand(42);
	t.limits.sessions = 40;
	for (int step = 0; step < 60000; step++) {
		t.now += rand() % 40;
		if (t.count < 5000 && rand() % 2) {
			snprintf(sender, sizeof sender, "s%d", rand() % 7);
			snprintf(name, sizeof name, "d%d.test", rand() % 50);
			add_of(sender, name, rand() % 7 == 0);
			continue;
		}
		struct courier_errand *errand = rand() % 2 ? next() : NULL;
		if (errand) {
			snprintf(address, sizeof address, "a%d", rand() % 10);
			enum courier_entry entry = enter(errand, address);
			if (entry == COURIER_ENTERED)
				active[count++] = errand;
			else if (entry == COURIER_RESTING) {
				finish(errand, COURIER_UNDECIDED);
				ended++;
			}
			assert_true(count <= t.limits.sessions);
		} else if (count > 0) {
			size_t chosen = (size_t)rand() % count;
			enum courier_outcome outcome = rand() % 10 == 0 ? COURIER_UNREACHABLE : rand() % 3 ? COURIER_WORKED : COURIER_UNDECIDED;
			leave(active[chosen], outcome);
			finish(active[chosen], outcome);
			active[chosen] = active[--count];
			ended++;
		}
	}
	for (bool any = true; any;) { /* all that is left comes to its end */
		any = count > 0;
		while (count > 0) {
			leave(active[--count], COURIER_UNDECIDED);
			finish(active[count], COURIER_UNDECIDED);
			ended++;
		}
		for (struct courier_errand *errand; (errand = next()); ended++, any = true)
			finish(errand, COURIER_UNDECIDED);
	}
	assert_int_equal(courier_turns_waiting(t.turns), 0);
	assert_int_equal(ended, t.count);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(a_destination_begins_with_one_and_grows),
		CASE(what_is_unreachable_rests),
		CASE(senders_take_turns),
		CASE(strangers_stop_nobody),
		CASE(sessions_are_kept_for_what_works),
		CASE(what_has_become_slow_is_no_longer_proven),
		CASE(what_is_proven_meanwhile_waits_no_longer),
		CASE(domains_at_one_address_share_it),
		CASE(some_room_is_always_left_to_wait_in),
		CASE(what_is_remembered_is_bounded),
		CASE(nothing_gets_lost),
	};
	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
