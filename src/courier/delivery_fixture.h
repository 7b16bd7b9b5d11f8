/* For tests of whole deliveries: a real queue and store in a folder of their own, a name server and mail servers that answer by rules,
 * and an auth that knows a handful of people. */
#ifndef COURIER_DELIVERY_FIXTURE_H
#define COURIER_DELIVERY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "courier/internal.h"
#include "courier/smtp_fake.h"
#include "message/address.h"
#include "message/downgrade.h"
#include "net/dns_fake.h"

enum { PATIENCE_MS = 60000, BIG = 40 << 20 };

struct delivery_fixture {
	char data[256], certificate[300];
	struct queue *queue;
	struct store *store;
	struct dns_fake *names;
	struct dns *dns;
	struct courier *courier;
	struct smtp_fake *server, *second;
	struct arena *arena;
};
extern struct delivery_fixture t;

struct auth { bool away; _Atomic bool silent; /* it doesn't tell of languages */ struct config_thresholds bobs; };
extern struct auth people;

/** Before and after each test. */
int begin(void **state);
int end(void **state);
/** Reads a configuration with these lines, and what tests need. */
void configure(const char *more);
struct smtp_fake *serve(const char *address, int port, const char *extensions, const struct smtp_fake_rule *rules, size_t count);
#define RULES(...) ((const struct smtp_fake_rule[]){__VA_ARGS__}), sizeof((const struct smtp_fake_rule[]){__VA_ARGS__}) / sizeof(struct smtp_fake_rule)
/** t.server, which can do what is usual, and whose port is configured. */
void serve_friendly(const struct smtp_fake_rule *rules, size_t count);
#define FRIENDLY "PIPELINING\nSIZE 100000000\n8BITMIME\nENHANCEDSTATUSCODES\nSMTPUTF8"
/** The courier. */
void start(void);
void stop(void);

struct letter_to { const char *address; unsigned notify; const char *original; };
int64_t post_message(struct queue_message message, struct slice body, const struct letter_to *to, size_t count);
#define TO(...) ((const struct letter_to[]){__VA_ARGS__}), sizeof((const struct letter_to[]){__VA_ARGS__}) / sizeof(struct letter_to)

static const struct slice hello = {"Subject: hello\r\n\r\nHow are you?\r\n", 32};
void post(const char *from, const char *to);
/** Recipients in the queue. */
uint64_t waiting(void);

#define eventually(condition) \
	do { \
		int64_t began = clock_monotonic_ms(); \
		while (!(condition)) { \
			if (clock_monotonic_ms() - began > PATIENCE_MS) \
				fail_msg("never: %s", #condition); \
			usleep(5000); \
		} \
	} while (0)

/** The content of all messages of a mailbox, one after the other. */
struct slice read_mailbox(const char *account_name, const char *name, size_t *count);
size_t mailbox_count(const char *account, const char *name);
bool holds(struct slice text, const char *part);
void assert_report(const char *part);

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
