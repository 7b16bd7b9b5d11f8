/* The bus: what is announced is heard by those who care, and nothing is lost silently, however slow a hearer is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "main/bus.h"

enum { HEAR_MS = 20000 };

/* One who announces and two who hear: one everything, one of mail alone. */
struct fixture {
	struct bus *bus;
	int all, mail;
};

static int add_hearer(struct bus *bus, unsigned topics)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	bus_add(bus, ends[0], topics);
	return ends[1];
}

static struct fixture begin(bool own_thread)
{
	struct fixture f = {.bus = bus_new(own_thread)};
	log_set_role("test", LOG_LEVEL_ERROR);
	f.all = add_hearer(f.bus, BUS(SIGN_IN) | BUS(MAIL));
	f.mail = add_hearer(f.bus, BUS(MAIL));
	return f;
}

static void end(struct fixture *f)
{
	bus_free(&f->bus);
	assert_null(f->bus);
	close(f->all);
	close(f->mail);
}

/* Waits for the next, HEAR_MS at most. */
static bool hear(int fd, char room[BUS_DATAGRAM_MAX], struct bus_change *change)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	return poll(&polled, 1, HEAR_MS) > 0 && bus_hear(fd, room, change);
}

static bool is_silent(int fd)
{
	char room[BUS_DATAGRAM_MAX];
	struct bus_change change;
	return !bus_hear(fd, room, &change);
}

static void who_cares_hears(void **state)
{
	(void)state;
	struct fixture f = begin(true);
	char room[BUS_DATAGRAM_MAX];
	struct bus_change change;
	bus_announce_mail(f.bus, SLICE("alice@example.test"));
	bus_announce(f.bus, &(struct bus_change){BUS_SIGN_IN, SLICE("bob@example.test"), 17, SLICE("another password")});
	assert_true(hear(f.all, room, &change));
	assert_true(change.topic == BUS_MAIL && slice_equal(change.account, SLICE("alice@example.test")) && slice_empty(change.reason));
	assert_true(hear(f.all, room, &change));
	assert_true(change.topic == BUS_SIGN_IN && slice_equal(change.account, SLICE("bob@example.test")) && change.identity == 17);
	assert_true(slice_equal(change.reason, SLICE("another password")));
	assert_true(hear(f.mail, room, &change));
	assert_int_equal(change.topic, BUS_MAIL);
	assert_true(is_silent(f.mail) && is_silent(f.all));
	bus_announce_anything(f.bus, BUS(SIGN_IN));
	assert_true(hear(f.all, room, &change));
	assert_true(change.topic == BUS_SIGN_IN && slice_empty(change.account) && is_silent(f.mail));
	bus_announce_mail(f.bus, SLICE("")); /* an account without a name is not "anything" */
	assert_true(is_silent(f.mail));
	end(&f);
}

enum { ACCOUNTS = 3000 };

static void announce_many(struct bus *bus, int accounts, int64_t identity)
{
	for (int i = 0; i < accounts; i++) {
		char name[32];
		struct slice account = slice_make(name, (size_t)snprintf(name, sizeof name, "%d", i));
		bus_announce(bus, &(struct bus_change){BUS_SIGN_IN, account, identity, SLICE("")});
	}
}

/* Of each account the last that was said is heard last: more than a socket holds, and less than becomes "anything". */
static void the_last_word_counts(void **state)
{
	(void)state;
	struct fixture f = begin(true);
	static int64_t heard[ACCOUNTS];
	char room[BUS_DATAGRAM_MAX];
	struct bus_change change;
	for (int64_t identity = 1; identity <= 3; identity++)
		announce_many(f.bus, ACCOUNTS, identity);
	for (int missing = ACCOUNTS; missing > 0;) {
		uint64_t number;
		assert_true(hear(f.all, room, &change));
		assert_true(slice_to_number(change.account, ACCOUNTS - 1, &number));
		assert_true(change.identity >= heard[number]);
		heard[number] = change.identity;
		missing -= change.identity == 3;
	}
	assert_true(is_silent(f.all));
	end(&f);
}

/* Who is too far behind is told to look for itself, of everything that it cares for; later changes are told again. */
static void too_many_become_anything(void **state)
{
	(void)state;
	struct fixture f = begin(false);
	char room[BUS_DATAGRAM_MAX];
	struct bus_change change;
	unsigned anything = 0;
	announce_many(f.bus, 2 * BUS_WAITING_MAX, 1);
	assert_false(bus_flush(f.bus));
	while (bus_hear(f.all, room, &change))
		assert_false(slice_empty(change.account)); /* what the socket held */
	assert_true(bus_flush(f.bus));
	while (bus_hear(f.all, room, &change)) {
		assert_true(slice_empty(change.account));
		anything |= 1U << change.topic;
	}
	assert_int_equal(anything, BUS(SIGN_IN) | BUS(MAIL));
	assert_true(is_silent(f.mail));
	bus_announce_mail(f.bus, SLICE("alice@example.test"));
	assert_true(hear(f.all, room, &change) && slice_equal(change.account, SLICE("alice@example.test")));
	end(&f);
}

/* What waits when a role ends is said as far as there is room, and ending waits for nobody. */
static void ending_waits_for_nobody(void **state)
{
	(void)state;
	struct fixture f = begin(true);
	announce_many(f.bus, ACCOUNTS, 1);
	int64_t before = clock_monotonic_ms();
	bus_free(&f.bus);
	assert_true(clock_monotonic_ms() - before < 20000);
	end(&f);
}

/* A role that was taken over may say what it likes. */
static void nonsense_is_passed_over(void **state)
{
	(void)state;
	struct fixture f = begin(true);
	int ends[2];
	char room[BUS_DATAGRAM_MAX], bytes[2 * BUS_DATAGRAM_MAX] = {BUS_MAIL};
	struct bus_change change;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	struct buf good = BUF(BUS_DATAGRAM_MAX);
	wire_put_short(&good, BUS_MAIL, 1);
	wire_put_text(&good, SLICE("alice@example.test"));
	wire_put_number(&good, 0);
	wire_put_text(&good, SLICE(""));
	for (size_t len = 1; len < good.len; len++) /* cut off */
		assert_true(send(ends[0], good.at, len, 0) > 0);
	assert_true(send(ends[0], bytes, sizeof bytes, 0) > 0); /* too long */
	memset(bytes, 0xff, sizeof bytes);
	assert_true(send(ends[0], bytes, 100, 0) > 0);
	good.at[0] = BUS_TOPICS;
	assert_true(send(ends[0], good.at, good.len, 0) > 0);
	good.at[0] = BUS_MAIL;
	assert_true(send(ends[0], good.at, good.len, 0) > 0);
	assert_true(bus_hear(ends[1], room, &change) && slice_equal(change.account, SLICE("alice@example.test")));
	assert_true(is_silent(ends[1]));
	buf_free(&good);
	close(ends[0]);
	close(ends[1]);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_cares_hears),
		cmocka_unit_test(the_last_word_counts),
		cmocka_unit_test(too_many_become_anything),
		cmocka_unit_test(ending_waits_for_nobody),
		cmocka_unit_test(nonsense_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
