/* Whole deliveries: a real queue and store in a folder of their own, a name server and mail servers that answer by rules,
 * and an auth that knows a handful of people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
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

enum { PATIENCE_MS = 20000, BIG = 40 << 20 };

static struct {
	char data[256], certificate[300];
	struct queue *queue;
	struct store *store;
	struct dns_fake *names;
	struct dns *dns;
	struct courier *courier;
	struct smtp_fake *server, *second;
	struct arena *arena;
} t;

static const struct dns_fake_record records[] = {
	{"far.test", "MX", "10 mx.far.test"},
	{"mx.far.test", "A", "127.0.0.1"},
	{"two.test", "MX", "10 dead.two.test"},
	{"two.test", "MX", "20 mx2.two.test"},
	{"dead.two.test", "A", "127.0.0.3"},
	{"mx2.two.test", "A", "127.0.0.2"},
	{"both.test", "MX", "10 mx.far.test"},
	{"both.test", "MX", "20 mx2.two.test"},
	{"null.test", "MX", "0 ."},
	{"smart.test", "A", "127.0.0.1"},
	{"xn--e1afmkfd.test", "MX", "10 mx.xn--e1afmkfd.test"},
	{"mx.xn--e1afmkfd.test", "A", "127.0.0.1"},
};

/* ---- The auth role's answers ---- */

struct auth { bool away; _Atomic bool silent; /* it doesn't tell of languages */ };
static struct auth people;

static void add_route(struct arena *arena, struct auth_route **routes, size_t *count, bool local, const char *address, struct slice detail)
{
	if (!*routes)
		*routes = arena_array(arena, 4, sizeof **routes);
	(*routes)[(*count)++] = (struct auth_route){.local = local, .address = arena_copy(arena, slice_of(address)), .detail = arena_copy(arena, detail)};
}

static void add_wrong_route(struct arena *arena, struct auth_route **routes, size_t *count, const char *address)
{
	add_route(arena, routes, count, false, address, SLICE("flawed@here.test"));
	(*routes)[*count - 1].problem = ROUTE_NOBODY;
}

bool auth_resolve(struct auth *auth, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	struct slice local, domain, name, detail;
	*routes = NULL;
	*count = 0;
	if (auth->away)
		return error_set(error, ERROR_TEMPORARY, "away");
	address_split(address, &local, &domain);
	if (!slice_equal(domain, SLICE("here.test"))) {
		add_route(arena, routes, count, false, arena_text(arena, address), SLICE(""));
		return true;
	}
	slice_cut(local, '+', &name, &detail);
	if (slice_equal(name, SLICE("alice")))
		add_route(arena, routes, count, true, "alice@here.test", detail);
	else if (slice_equal(name, SLICE("bob")))
		add_route(arena, routes, count, true, "bob@here.test", detail);
	else if (slice_equal(name, SLICE("team"))) {
		add_route(arena, routes, count, true, "bob@here.test", SLICE(""));
		add_route(arena, routes, count, false, "carol@far.test", SLICE(""));
	} else if (slice_equal(name, SLICE("flawed"))) {
		add_route(arena, routes, count, true, "bob@here.test", SLICE(""));
		add_wrong_route(arena, routes, count, "gone@here.test");
	} else if (slice_equal(name, SLICE("postmaster")))
		add_route(arena, routes, count, true, "alice@here.test", SLICE(""));
	else if (slice_equal(name, SLICE("away")))
		add_route(arena, routes, count, false, "moved@far.test", SLICE(""));
	else
		return error_set(error, ERROR_NOT_FOUND, "nobody");
	return true;
}

enum auth_language auth_language(struct auth *auth, struct slice address)
{
	while (auth->silent)
		usleep(1000);
	return slice_equal(address, SLICE("bob@here.test")) ? LANGUAGE_RU : LANGUAGE_EN;
}

/* ---- Setting up ---- */

static void configure(const char *more)
{
	struct error error = {0};
	struct buf text = BUF(4096);
	buf_printf(&text, "hostname = \"mail.here.test\"\nmx_port = %d\nconnect_timeout = 5\n%s\n", t.server ? smtp_fake_port(t.server) : 25, more);
	if (!strstr(more, "retry_schedule"))
		buf_append_text(&text, "retry_schedule = {\"1s\"}\n");
	if (!strstr(more, "reply_timeout"))
		buf_append_text(&text, "reply_timeout = 5\n");
	struct config *config = config_parse(buf_slice(&text), "test", &error);
	if (!config)
		fail_msg("%s", error.text);
	config_set_current(config);
	buf_free(&text);
}

static struct smtp_fake *serve(const char *address, int port, const char *extensions, const struct smtp_fake_rule *rules, size_t count)
{
	return smtp_fake_start(&(struct smtp_fake_options){.address = address, .port = port, .extensions = extensions, .rules = rules, .rule_count = count});
}

#define RULES(...) ((const struct smtp_fake_rule[]){__VA_ARGS__}), sizeof((const struct smtp_fake_rule[]){__VA_ARGS__}) / sizeof(struct smtp_fake_rule)
#define FRIENDLY "PIPELINING\nSIZE 100000000\n8BITMIME\nENHANCEDSTATUSCODES\nSMTPUTF8"

static int begin(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR"), *none = "none";
	struct error error = {0};
	snprintf(t.data, sizeof t.data, "%s/courier-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(t.data));
	log_set_role("test", getenv("SHOW_LOG") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR + 1);
	t.arena = arena_new();
	t.names = dns_fake_start(records, sizeof records / sizeof *records);
	t.dns = dns_new(&(struct dns_options){dns_fake_resolver(t.names), &none, 1}, &error);
	t.queue = queue_open(t.data, QUEUE_DELIVERER, &error);
	t.store = store_open(&(struct store_options){.data = t.data}, &error);
	if (!t.dns || !t.queue || !t.store)
		fail_msg("%s", error.text);
	assert_true(store_create_account(t.store, SLICE("alice@here.test"), &error));
	assert_true(store_create_account(t.store, SLICE("bob@here.test"), &error));
	people.away = false;
	people.silent = false;
	configure("");
	return 0;
}

static void poke(void *context)
{
	(void)context;
	courier_poke(t.courier);
}

static void start(void)
{
	t.courier = courier_start(&(struct courier_options){.auth = &people, .dns = t.dns, .queue = t.queue, .store = t.store, .data = t.data});
	queue_on_commit(t.queue, poke, NULL);
}

static void stop(void)
{
	queue_on_commit(t.queue, NULL, NULL);
	courier_stop(&t.courier, 5);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static int end(void **state)
{
	(void)state;
	people.silent = false; /* it is waited for */
	stop();
	smtp_fake_stop(&t.server);
	smtp_fake_stop(&t.second);
	queue_close(&t.queue);
	store_close(&t.store);
	dns_free(&t.dns);
	dns_fake_stop(&t.names);
	arena_free(&t.arena);
	nftw(t.data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* ---- Sending and looking ---- */

struct letter_to { const char *address; unsigned notify; const char *original; };

static int64_t post_message(struct queue_message message, struct slice body, const struct letter_to *to, size_t count)
{
	struct error error = {0};
	struct queue_recipient *recipients = arena_array(t.arena, count, sizeof *recipients);
	for (size_t i = 0; i < count; i++)
		recipients[i] = (struct queue_recipient){.address = slice_of(to[i].address), .notify = to[i].notify, .original = slice_of(to[i].original)};
	message.recipients = recipients;
	message.recipient_count = count;
	if (!message.arrived)
		message.arrived = clock_now();
	struct queue_draft *draft = queue_draft_new(t.queue, message.from);
	assert_true(queue_draft_write(draft, body, &error));
	if (!queue_commit(t.queue, &draft, &message, &error))
		fail_msg("%s", error.text);
	return message.id;
}

#define TO(...) ((const struct letter_to[]){__VA_ARGS__}), sizeof((const struct letter_to[]){__VA_ARGS__}) / sizeof(struct letter_to)

static const struct slice hello = {"Subject: hello\r\n\r\nHow are you?\r\n", 32};

static void post(const char *from, const char *to)
{
	post_message((struct queue_message){.from = slice_of(from)}, hello, TO({to, 0, NULL}));
}

static uint64_t waiting(void)
{
	uint64_t messages = 0, recipients = 0;
	assert_true(queue_count(t.queue, &messages, &recipients, NULL));
	return recipients;
}

#define eventually(condition) \
	do { \
		int64_t began = clock_monotonic_ms(); \
		while (!(condition)) { \
			if (clock_monotonic_ms() - began > PATIENCE_MS) \
				fail_msg("never: %s", #condition); \
			usleep(5000); \
		} \
	} while (0)

/* The content of all messages of a mailbox, one after the other. */
static struct slice read_mailbox(const char *account_name, const char *name, size_t *count)
{
	struct error error = {0};
	struct mailbox mailbox;
	struct message *list;
	struct buf all = BUF(64 << 20);
	uint64_t size;
	struct account *account = store_open_account(t.store, slice_of(account_name), &error);
	assert_non_null(account);
	*count = 0;
	if (mailbox_find(account, slice_of(name), t.arena, &mailbox, &error))
		assert_true(message_list(account, mailbox.id, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, t.arena, &list, count, &error));
	for (size_t i = 0; i < *count; i++) {
		int fd = message_open(account, list[i].id, &size, &error);
		assert_true(fd >= 0 && file_read_fd(fd, &all, &error));
		close(fd);
	}
	store_release_account(&account);
	struct slice copy = arena_copy(t.arena, buf_slice(&all));
	buf_free(&all);
	return copy;
}

static size_t mailbox_count(const char *account, const char *name)
{
	size_t count;
	read_mailbox(account, name, &count);
	return count;
}

static bool holds(struct slice text, const char *part)
{
	return slice_find(text, slice_of(part)) != SLICE_NONE;
}

static void assert_report(const char *part)
{
	size_t count;
	struct slice text = read_mailbox("alice@here.test", "INBOX", &count);
	if (!holds(text, part))
		fail_msg("no \"%s\" in: %.*s", part, SLICE_ARG(text));
}

/* ---- Mailboxes here ---- */

static void mail_reaches_mailboxes(void **state)
{
	(void)state;
	size_t count;
	struct error error = {0};
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	assert_true(mailbox_create(bob, SLICE("Lists"), USE_NONE, &error));
	store_release_account(&bob);
	post_message((struct queue_message){.from = SLICE("carol@far.test")}, hello,
		     TO({"alice@here.test", 0, NULL}, {"bob@here.test", 0, NULL}, {"bob+lists@here.test", 0, NULL}, {"alice+nothing@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_true(slice_equal(read_mailbox("bob@here.test", "Lists", &count), SLICE("Return-Path: <carol@far.test>\r\nSubject: hello\r\n\r\nHow are you?\r\n")));
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 1);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 2); /* its own and what was for "nothing" */
}

static void a_repeated_delivery_changes_nothing(void **state)
{
	(void)state;
	struct queue_work *work;
	int64_t next;
	post("carol@far.test", "bob@here.test");
	start();
	eventually(waiting() == 0);
	stop();
	/* The same message once more, as after a crash before the queue had forgotten it. */
	assert_int_equal(queue_take(t.queue, clock_now(), 1, &work, &next, NULL), 0);
	int64_t id = post_message((struct queue_message){.from = SLICE("carol@far.test")}, hello, TO({"bob@here.test", 0, NULL}));
	struct error error = {0};
	struct mailbox inbox;
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	assert_true(mailbox_find(bob, SLICE("INBOX"), t.arena, &inbox, &error));
	struct draft *draft = draft_new(bob);
	struct placement placement = {.mailbox = inbox.id, .delivery_id = courier_local_delivery_id(id, SLICE("bob@here.test"), SLICE(""))};
	assert_true(draft_write(draft, hello, &error) && draft_commit(bob, &draft, &placement, 1, &error));
	store_release_account(&bob);
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 2);
}

static void many_messages_to_many(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		post_message((struct queue_message){.from = SLICE("carol@far.test")}, hello, TO({"alice@here.test", 0, NULL}, {"bob@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 300);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 300);
}

static void copies_share_one_file(void **state)
{
	(void)state;
	struct error error = {0};
	uint64_t size;
	struct stat status;
	post_message((struct queue_message){.from = SLICE("")}, hello, TO({"alice@here.test", 0, NULL}, {"bob@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	struct mailbox inbox;
	struct message *list;
	size_t count;
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
	assert_true(store_sync(t.store, &error)); /* what has been taken in has one name */
	assert_true(mailbox_find(bob, SLICE("INBOX"), t.arena, &inbox, &error));
	assert_true(message_list(bob, inbox.id, 1, UINT32_MAX, 0, 0, MESSAGE_FLAGS, t.arena, &list, &count, &error));
	assert_int_equal(count, 1);
	int fd = message_open(bob, list[0].id, &size, &error);
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	assert_int_equal(status.st_nlink, 2);
	close(fd);
	store_release_account(&bob);
}

/* A body that the queue keeps in a file is that file in the mailbox, also where the account isn't opened for it. */
static void large_letters_arrive(void **state)
{
	(void)state;
	enum { LINES = 1000, LINE = 64 };
	struct error error = {0};
	size_t count;
	char *body = memset(arena_alloc(t.arena, LINES * LINE), 'x', LINES * LINE);
	for (size_t i = LINE - 2; i < LINES * LINE; i += LINE)
		memcpy(body + i, "\r\n", 2);
	struct queue_recipient recipients[] = {{.address = SLICE("alice@here.test")}, {.address = SLICE("bob@here.test")}};
	struct queue_message message = {.from = SLICE(""), .recipients = recipients, .recipient_count = 2, .arrived = clock_now()};
	struct queue_draft *draft = queue_draft_new(t.queue, message.from);
	assert_true(queue_draft_write(draft, hello, &error) && queue_draft_write(draft, slice_make(body, LINES * LINE), &error));
	assert_true(queue_commit(t.queue, &draft, &message, &error));
	start();
	eventually(waiting() == 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(read_mailbox(i ? "bob@here.test" : "alice@here.test", "INBOX", &count).len, slice_of("Return-Path: <>\r\n").len + hello.len + LINES * LINE);
}

static void nobody_is_a_report(void **state)
{
	(void)state;
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello,
		     TO({"nobody@here.test", 0, NULL}, {"noone@here.test", 0, NULL}, {"quiet@here.test", NOTIFY_NEVER, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1); /* one report for both */
	assert_report("Return-Path: <>\r\n");
	assert_report("Final-Recipient: rfc822; nobody@here.test\r\nAction: failed\r\nStatus: 5.1.1\r\n");
	assert_report("Final-Recipient: rfc822; noone@here.test\r\n");
	assert_report("Content-Type: message/rfc822\r\n");
	assert_report("How are you?");
}

static void reports_come_in_the_senders_language(void **state)
{
	(void)state;
	size_t count;
	post("bob@here.test", "nobody@here.test");
	start();
	eventually(waiting() == 0 && mailbox_count("bob@here.test", "INBOX") == 1);
	struct slice text = read_mailbox("bob@here.test", "INBOX", &count);
	assert_true(holds(text, "Почтового ящика с таким адресом нет."));
	assert_true(holds(text, "Final-Recipient: rfc822; nobody@here.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
}

static void strangers_words_are_not_sent_to_others(void **state)
{
	(void)state;
	static const struct slice spam = {"Received: from a\r\nX-Buy: pills\r\nSubject: hello\r\nMessage-ID: <1@x>\r\n\r\nBuy pills\r\n", 80};
	size_t count;
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .client = SLICE("x [192.0.2.9]")}, spam,
		     TO({"nobody@here.test", 0, NULL}, {"bob@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0 && mailbox_count("alice@here.test", "INBOX") == 1);
	struct slice text = read_mailbox("alice@here.test", "INBOX", &count);
	assert_report("Content-Type: text/rfc822-headers\r\n");
	assert_report("Subject: hello\r\nMessage-ID: <1@x>\r\n");
	assert_false(holds(text, "pills") || holds(text, "Received: from a") || holds(text, "Action: delivered"));
	configure("relay_networks = {\"192.0.2.0/24\"}\n");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .client = SLICE("x [192.0.2.9]")}, spam, TO({"nobody@here.test", 0, NULL}));
	eventually(mailbox_count("alice@here.test", "INBOX") == 2);
	assert_report("Buy pills");
}

static void reports_are_not_reported(void **state)
{
	(void)state;
	post("", "nobody@here.test");
	post("nobody@here.test", "noone@here.test"); /* the report itself can't be delivered */
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

static void a_full_mailbox_defers_and_then_fails(void **state)
{
	(void)state;
	struct error error = {0};
	struct account *bob = store_open_account(t.store, SLICE("bob@here.test"), &error);
	assert_true(account_set_quota(bob, 10, 0, &error));
	store_release_account(&bob);
	configure("retry_for = 2\n");
	post("alice@here.test", "bob@here.test");
	start();
	eventually(waiting() == 0);
	assert_report("Status: 5.2.2\r\n");
	assert_report("The mailbox is full.");
}

static void without_auth_mail_waits(void **state)
{
	(void)state;
	people.away = true;
	post("alice@here.test", "bob@here.test");
	start();
	usleep(300000);
	assert_int_equal(waiting(), 1);
	people.away = false;
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 1);
}

/* ---- To other servers ---- */

static void mail_goes_out(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME},
		     SLICE("Subject: x\r\n\r\n.\r\n..a\n.\nMAIL FROM:<evil@x>\r.\r\xc3\xa9"), TO({"carol@FAR.test", 0, NULL}, {"dave@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_true(slice_equal(smtp_fake_last(t.server), SLICE("Subject: x\r\n\r\n..\r\n...a\r\n..\r\nMAIL FROM:<evil@x>\r\n..\r\n\xc3\xa9\r\n")));
	assert_int_equal(smtp_fake_heard(t.server, "EHLO mail.here.test"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "MAIL FROM:<alice@here.test> SIZE="), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<"), 2);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

static void old_servers_are_spoken_to(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "", RULES({"EHLO", "502 what", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "HELO mail.here.test"), 1);
}

static void who_hangs_up_at_ehlo_hears_helo(const char *answer)
{
	t.server = serve(NULL, 0, "STARTTLS", RULES({"EHLO", answer, 0}));
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_connections(t.server), 2);
	assert_int_equal(smtp_fake_heard(t.server, "EHLO"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "HELO mail.here.test"), 1);
}

static void servers_that_hang_up_at_ehlo_are_spoken_to(void **state)
{
	(void)state;
	who_hangs_up_at_ehlo_hears_helo("(close)");
}

static void servers_that_refuse_ehlo_and_hang_up_are_spoken_to(void **state)
{
	(void)state;
	who_hangs_up_at_ehlo_hears_helo("(last)502 what");
}

static void helo_is_not_said_where_tls_is_required(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"EHLO", "(close)", 0}));
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .require_tls = true}, hello, TO({"carol@far.test", 0, NULL}));
	start();
	eventually(smtp_fake_heard(t.server, "EHLO") >= 2);
	assert_int_equal(smtp_fake_heard(t.server, "HELO"), 0);
}

static void connections_are_used_again(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, NULL, 0);
	configure("connections_per_destination = 2\n");
	for (int i = 0; i < 60; i++)
		post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 60);
	assert_true(smtp_fake_connections(t.server) <= 4);
}

static void a_dead_idle_connection_costs_nothing(void **state)
{
	(void)state;
	/* After the first message the server takes its leave at the next MAIL. */
	t.server = serve(NULL, 0, FRIENDLY, RULES({"MAIL FROM:<bob", "421 4.4.2 too long idle", 1}));
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	post("bob@here.test", "carol@far.test");
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_connections(t.server), 2);
}

static void the_next_host_is_tried(void **state)
{
	(void)state;
	t.server = serve("127.0.0.2", 0, FRIENDLY, NULL, 0);
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@two.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void a_busy_host_is_passed_over(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(connect)", "421 4.3.2 busy", 0}));
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), FRIENDLY, NULL, 0);
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@both.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.second), 1);
}

static void each_recipient_has_its_own_fate(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"RCPT TO:<gone", "550-5.1.1 there is\r\n550 5.1.1 nobody", 0}, {"RCPT TO:<later", "450 4.2.1 later", 1}));
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .envid = SLICE("e=1")}, hello,
		     TO({"carol@far.test", 0, NULL}, {"gone@far.test", 0, "rfc822;old@far.test"}, {"later@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<gone"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<later"), 2);
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Original-Envelope-Id: e=1\r\n");
	assert_report("Original-Recipient: rfc822; old@far.test\r\n");
	assert_report("Remote-MTA: dns; mx.far.test\r\n");
	assert_report("Diagnostic-Code: smtp; 550 5.1.1 there is 5.1.1 nobody\r\n");
}

static void nobody_accepted_is_no_message(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"RCPT", "550 no", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Status: 5.1.0\r\n");
	/* The fake says 354 all the same: it got an empty message and nothing else. */
	assert_int_equal(smtp_fake_last(t.server).len, 0);
}

static void a_report_that_takes_long_holds_up_no_verdict(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"RCPT TO:<gone", "550 5.1.1 nobody", 0}));
	configure("");
	people.silent = true;
	post("alice@here.test", "gone@far.test");
	start();
	eventually(smtp_fake_heard(t.server, "RCPT TO:<gone") == 1);
	for (int i = 0; i < 10; i++)
		post("alice@here.test", "carol@far.test");
	post("carol@far.test", "bob@here.test");
	eventually(waiting() == 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol"), 10);
	people.silent = false;
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
}

static void a_thousand_refusals_are_told(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"RCPT", "550 5.1.1 nobody", 0}));
	configure("");
	for (int i = 0; i < 1000; i++)
		post_message((struct queue_message){.from = arena_printf(t.arena, "alice+%d@here.test", i), .arrived = clock_now()}, hello, TO({"gone@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1000);
}

static void what_is_known_at_the_end_is_told(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"RCPT TO:<gone", "550 5.1.1 nobody", 0}));
	configure("");
	people.silent = true;
	post("alice@here.test", "gone@far.test");
	post("alice@here.test", "gone@far.test");
	start();
	eventually(smtp_fake_heard(t.server, "RCPT TO:<gone") == 2);
	people.silent = false;
	stop();
	assert_int_equal(waiting(), 2); /* the two reports, for the next start */
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT"), 2);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 2);
}

static void too_many_recipients_are_split(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"RCPT TO:<b@", "452 4.5.3 too many", 1}));
	configure("retry_schedule = {\"1h\"}\n");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"a@far.test", 0, NULL}, {"b@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_connections(t.server), 1);
}

static void a_lost_final_reply_is_tried_later(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(data)", "(close)", 1}));
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), FRIENDLY, NULL, 0);
	configure("");
	post("alice@here.test", "carol@both.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_messages(t.second), 0); /* it might have had it twice */
}

static void blank_lines_are_passed_over(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "", RULES({"(connect)", "\r\n220 here", 1}, {"MAIL", "\r\n\r\n250 ok", 1}, {"(data)", "\r\n250 OK id=1", 0}));
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), 1);
}

static void long_and_odd_final_replies_are_taken(void **state)
{
	(void)state;
	char *endless = memset(arena_alloc(t.arena, 9001), 'x', 9000);
	memcpy(endless, "250 ", 4);
	t.server = serve(NULL, 0, "", RULES({"(data)", endless, 1}, {"(data)", "queued\r\n250OK", 1}, {"(data)", "250-a\r\n\r\nb\r\n250 c", 1}));
	configure("retry_schedule = {\"1h\"}\n");
	for (int i = 0; i < 3; i++)
		post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), 3);
}

static void an_unreadable_end_is_not_repeated_for_ever(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(data)", "(close)", 1}, {"(data)", "354 more", 1}, {"(data)", "250-a\r\n550 b", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), UNSURE_TRIES_MAX);
	assert_report("Action: failed\r\nStatus: 5.4.2\r\n");
	assert_report("It may have been delivered all the same");
}

static void refusals_are_not_counted_as_unsure(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(data)", "451 4.3.0 not now", 4}, {"MAIL", "(close)", 2}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void time_runs_out(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"MAIL", "451 4.7.1 not today", 0}));
	configure("retry_for = 3\ndelay_notice = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 2); /* one warning, one failure */
	assert_report("Action: delayed\r\nStatus: 4.7.1\r\n");
	assert_report("Will-Retry-Until: ");
	assert_report("Action: failed\r\nStatus: 4.4.7\r\n");
	assert_report("mx.far.test said: 451 4.7.1 not today");
}

static void a_server_with_our_name_is_us(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, RULES({"(connect)", "220 MAIL.here.test ESMTP", 0}));
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), FRIENDLY, NULL, 0);
	configure("retry_schedule = {\"1h\"}\n");
	post("alice@here.test", "carol@both.test");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.second), 1); /* the other host takes it */
	assert_report("Final-Recipient: rfc822; carol@far.test\r\nAction: failed\r\nStatus: 5.4.6\r\n");
	assert_int_equal(smtp_fake_heard(t.server, "EHLO"), 0);
}

static void farewells_come_anywhere(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "8BITMIME", RULES({"(connect)", "421 4.3.2 a", 1}, {"EHLO", "421 4.3.2 b", 1}, {"MAIL", "421 4.3.2 c", 1}, {"RCPT", "421 4.3.2 d", 1},
			 {"DATA", "421 4.3.2 e", 1}, {"(data)", "421 4.3.2 f", 1}, {"EHLO", "(close)", 1}, {"QUIT", "(close)", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "(data)"), 2);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

static void returned_text_holds_no_nul(void **state)
{
	(void)state;
	size_t count;
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, SLICE("Subject: x\r\n\r\na\0b\r\n"), TO({"nobody@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(slice_find_char(read_mailbox("alice@here.test", "INBOX", &count), '\0'), SLICE_NONE);
	assert_report("\r\n\r\na\x80" "b\r\n");
}

static void a_clock_that_was_ahead_delays_nothing(void **state)
{
	(void)state;
	struct error error = {0};
	struct queue_message *list;
	size_t count;
	t.server = serve(NULL, 0, "8BITMIME", RULES({"MAIL", "451 4.7.1 not yet", 1}));
	configure("retry_schedule = {\"1s\", \"1h\"}\n");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .arrived = clock_now() + 365 * 86400}, hello, TO({"carol@far.test", 0, NULL}));
	start();
	eventually(smtp_fake_heard(t.server, "MAIL") == 1);
	assert_true(queue_list(t.queue, &(struct queue_filter){0}, t.arena, &list, &count, &error));
	assert_true(count == 0 || list[0].recipients[0].expires <= clock_now() + config_current()->retry_for);
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void dead_ends_come_back_at_once(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, FRIENDLY, NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello,
		     TO({"a@null.test", 0, NULL}, {"b@unheard.test", 0, NULL}, {"c@mail.here.test", 0, NULL}, {"d@-bad-.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_report("Final-Recipient: rfc822; a@null.test\r\nAction: failed\r\nStatus: 5.1.10\r\n");
	assert_report("Final-Recipient: rfc822; b@unheard.test\r\nAction: failed\r\nStatus: 5.1.2\r\n");
	assert_report("Final-Recipient: rfc822; d@-bad-.test\r\nAction: failed\r\nStatus: 5.1.2\r\n");
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1); /* all in one */
}

static void size_is_checked_before_sending(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "SIZE 20", NULL, 0);
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Status: 5.3.4\r\n");
	assert_int_equal(smtp_fake_heard(t.server, "MAIL"), 0);
}

static void internationalised_addresses(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "8BITMIME", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .smtputf8 = true}, hello,
		     TO({"carol@пример.test", 0, NULL}, {"кэрол@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@xn--e1afmkfd.test>"), 1);
	assert_report("Final-Recipient: utf-8; кэрол@far.test\r\nAction: failed\r\nStatus: 5.6.7\r\n");
	assert_report("message/global-delivery-status");
}

/* What the server got is ASCII in lines of 998 bytes, and was announced with its size. */
static void assert_plain(size_t messages)
{
	char announced[60];
	struct slice rest = smtp_fake_last(t.server), line;
	assert_int_equal(smtp_fake_messages(t.server), messages);
	assert_true(slice_is_ascii(rest));
	assert_int_equal(slice_find_char(rest, '\0'), SLICE_NONE);
	snprintf(announced, sizeof announced, "MAIL FROM:<alice@here.test> SIZE=%zu", rest.len);
	assert_true(smtp_fake_heard(t.server, announced) > 0);
	assert_int_equal(smtp_fake_heard(t.server, "MAIL FROM:<alice@here.test> SIZE="), messages);
	while (slice_cut(rest, '\n', &line, &rest))
		assert_true(line.len <= MESSAGE_LINE_MAX + 1);
}

static void text_is_written_for_who_takes_only_ascii(void **state)
{
	(void)state;
	static const char head[] = "Subject: \xd1\x82\xd0\xb5\xd0\xbc\xd0\xb0\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 8bit\r\n\r\n";
	struct buf large = BUF(400000);
	buf_append_text(&large, head);
	while (large.len < 2 * QUEUE_INLINE_MAX) /* a file */
		buf_append_text(&large, "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, ");
	t.server = serve(NULL, 0, "SIZE 10000000", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME}, slice_make(head, sizeof head - 1), TO({"carol@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_plain(1);
	assert_true(holds(smtp_fake_last(t.server), "=?"));
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME}, buf_slice(&large), TO({"carol@far.test", 0, NULL}));
	eventually(waiting() == 0);
	assert_plain(2);
	assert_int_equal(smtp_fake_heard(t.server, "BODY="), 0);
	buf_free(&large);
}

static void long_lines_go_to_nobody(void **state)
{
	(void)state;
	char *text = memset(arena_alloc(t.arena, 5001), 'x', 5000);
	memcpy(text, "Subject: long\r\n\r\n", 17);
	memcpy(text + 4998, "\r\n", 2);
	t.server = serve(NULL, 0, FRIENDLY, NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, slice_of(text), TO({"carol@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_plain(1);
	assert_true(holds(smtp_fake_last(t.server), "Subject: long\r\n"));
}

static void binary_bodies_go_by_bdat_or_encoded(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "SIZE 100000\n8BITMIME", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_BINARYMIME}, hello, TO({"carol@far.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_true(slice_equal(smtp_fake_last(t.server), hello));
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_BINARYMIME},
		     SLICE("MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\xff"), TO({"dave@far.test", 0, NULL}));
	eventually(waiting() == 0);
	assert_plain(2);
}

static void headers_that_need_smtputf8_are_found_in_parts(void **state)
{
	(void)state;
	static const struct slice inner = {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=\xd1\x84\r\n\r\nx\r\n--b--\r\n", 108};
	static const struct slice body = {"Subject: x\r\n\r\n\xd1\x84\r\n", 18};
	t.server = serve(NULL, 0, "8BITMIME", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME, .smtputf8 = true}, inner, TO({"carol@far.test", 0, NULL}));
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .body = BODY_8BITMIME, .smtputf8 = true}, body, TO({"carol@\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@xn--e1afmkfd.test>"), 1);
	assert_report("Final-Recipient: rfc822; carol@far.test\r\nAction: failed\r\nStatus: 5.6.9\r\n");
}

static void success_is_reported_where_it_was_asked_for(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "PIPELINING", NULL, 0);
	t.second = serve("127.0.0.2", smtp_fake_port(t.server), "DSN", NULL, 0);
	configure("");
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .ret = RET_HEADERS, .envid = SLICE("q+1")}, hello,
		     TO({"carol@far.test", NOTIFY_SUCCESS | NOTIFY_FAILURE, "rfc822;c@far.test"}, {"dave@two.test", NOTIFY_SUCCESS, NULL}, {"bob@here.test", NOTIFY_SUCCESS, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.second, "MAIL FROM:<alice@here.test> RET=HDRS ENVID=q+2B1"), 1);
	assert_int_equal(smtp_fake_heard(t.second, "RCPT TO:<dave@two.test> NOTIFY=SUCCESS"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@far.test>\n"), 0);
	assert_report("Final-Recipient: rfc822; carol@far.test\r\nAction: relayed\r\n");
	assert_report("Final-Recipient: rfc822; bob@here.test\r\nAction: delivered\r\n");
	size_t count;
	assert_false(holds(read_mailbox("alice@here.test", "INBOX", &count), "dave@two.test"));
	assert_int_equal(count, 1);
}

static void aliases_lead_out(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "DSN", NULL, 0);
	configure("");
	post("alice@here.test", "team@here.test");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"away@here.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(mailbox_count("bob@here.test", "INBOX"), 1);
	assert_int_equal(smtp_fake_messages(t.server), 2);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<carol@far.test> ORCPT=rfc822;team@here.test"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT TO:<moved@far.test> ORCPT=rfc822;away@here.test"), 1);
	assert_int_equal(smtp_fake_heard(t.server, "MAIL FROM:<alice@here.test>"), 2);
}

static void a_wrong_target_is_told_to_the_postmaster(void **state)
{
	(void)state;
	post("carol@far.test", "flawed@here.test");
	start();
	eventually(mailbox_count("bob@here.test", "INBOX") == 1);
	eventually(mailbox_count("alice@here.test", "INBOX") == 1);
	assert_report("Return-Path: <>\r\n");
	assert_report("To: <postmaster@here.test>\r\n");
	assert_report("  <flawed@here.test> -> <gone@here.test>\r\n    which is nobody's address\r\n");
	post("carol@far.test", "flawed@here.test"); /* once a day is enough */
	post("", "flawed@here.test");
	eventually(waiting() == 0 && mailbox_count("bob@here.test", "INBOX") == 3);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 1);
}

static void big_messages_stream(void **state)
{
	(void)state;
	struct error error = {0};
	size_t count;
	char *line = memset(arena_alloc(t.arena, 1 << 20), 'x', 1 << 20);
	for (size_t i = 61; i < 1 << 20; i += 64)
		memcpy(line + i, "\r\n.", 3);
	t.server = serve(NULL, 0, FRIENDLY, NULL, 0);
	configure("");
	struct queue_recipient recipients[] = {{.address = SLICE("bob@here.test")}, {.address = SLICE("carol@far.test")}};
	struct queue_message message = {.from = SLICE("alice@here.test"), .recipients = recipients, .recipient_count = 2, .arrived = clock_now()};
	struct queue_draft *draft = queue_draft_new(t.queue, message.from);
	assert_true(queue_draft_write(draft, hello, &error));
	for (size_t i = 0; i < BIG >> 20; i++)
		assert_true(queue_draft_write(draft, slice_make(line, 1 << 20), &error));
	assert_true(queue_commit(t.queue, &draft, &message, &error));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_last(t.server).len, hello.len + BIG + BIG / 64 + 2);
	assert_int_equal(read_mailbox("bob@here.test", "INBOX", &count).len, 32 + BIG + slice_of("Return-Path: <alice@here.test>\r\n").len);
}

/* ---- TLS and signing in ---- */

static struct smtp_fake *serve_tls(const char *extensions, bool implicit, const struct smtp_fake_rule *rules, size_t count)
{
	snprintf(t.certificate, sizeof t.certificate, "%s/fake.pem", t.data);
	smtp_fake_certificate(t.certificate, "smart.test");
	return smtp_fake_start(&(struct smtp_fake_options){.extensions = extensions, .certificate = t.certificate, .implicit_tls = implicit,
							   .rules = rules, .rule_count = count});
}

static void tls_is_used_when_offered(void **state)
{
	(void)state;
	/* What is said in clear text after 220 is dropped. */
	t.server = serve_tls("STARTTLS\nPIPELINING", false, NULL, 0);
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "EHLO"), 2);
	assert_int_equal(smtp_fake_connections(t.server), 1);
}

static void broken_tls_is_done_without(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "220 go\r\ngarbage garbage", 0}));
	configure("retry_schedule = {\"1h\"}\nreply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_connections(t.server), 2);
}

static void starttls_fails(const char *reply, size_t connections)
{
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", reply, 0}));
	configure("retry_schedule = {\"1h\"}\nreply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_connections(t.server), connections);
	stop(); /* with it goes the idle session */
	size_t heard = smtp_fake_heard(t.server, "STARTTLS");
	assert_int_equal(heard, 1);
	smtp_fake_stop(&t.server);
	end(NULL);
	begin(NULL);
}

static void starttls_may_fail_in_any_way(void **state)
{
	(void)state;
	starttls_fails("(close)", 2);
	starttls_fails("(silence)", 2);
	starttls_fails("what?", 2);
	starttls_fails("421 4.3.2 not today", 2);
	starttls_fails("250-a\r\n550 b", 2);
	starttls_fails("454 4.7.0 no TLS", 1);
	starttls_fails("554 5.7.0 no TLS", 1);
	starttls_fails("250 which is no answer", 1);
	starttls_fails("220 ready\r\n(but I am not)", 2);
}

static void hosts_with_broken_tls_are_remembered(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "(close)", 0}, {"(data)", "421 4.3.2 taken, and good bye", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_heard(t.server, "(data)") >= 3);
	assert_int_equal(smtp_fake_heard(t.server, "STARTTLS"), 1);
}

static void tls_that_is_demanded_is_waited_for(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "(close)", 2}, {"STARTTLS", "454 no", 1}, {"MAIL", "530 5.7.0 Must issue STARTTLS", 3}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_heard(t.server, "STARTTLS"), 4); /* tried again each time */
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
}

static void required_tls_is_not_done_without(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "STARTTLS", RULES({"STARTTLS", "(close)", 0}));
	configure("");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0); /* goes in clear text, and leaves an idle session */
	post_message((struct queue_message){.from = SLICE("alice@here.test"), .require_tls = true}, hello, TO({"carol@far.test", 0, NULL}));
	eventually(smtp_fake_heard(t.server, "STARTTLS") >= 3);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(waiting(), 1);
}

static void use_smarthost(const char *mode)
{
	char text[400], path[300];
	snprintf(path, sizeof path, "%s/password", t.data);
	assert_true(file_replace(path, SLICE("secret\n"), 0600, NULL));
	snprintf(text, sizeof text, "smarthost = \"smart.test:%d\"\nsmarthost_user = \"alice\"\nsmarthost_password_file = \"password\"\nsmarthost_tls = %s\n",
		 smtp_fake_port(t.server), mode);
	configure(text);
}

static void smarthosts_are_signed_in_to(void **state)
{
	(void)state;
	t.server = serve_tls("AUTH PLAIN\nPIPELINING", true, RULES({"AUTH PLAIN AGFsaWNlAHNlY3JldA==", "235 2.7.0 welcome", 0}, {"AUTH", "535 5.7.8 no", 0}));
	assert_true(client_trust(t.certificate, NULL));
	use_smarthost("implicit");
	post_message((struct queue_message){.from = SLICE("alice@here.test")}, hello, TO({"carol@far.test", 0, NULL}, {"dave@null.test", 0, NULL}));
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "RCPT"), 2);
}

static void login_works_as_well(void **state)
{
	(void)state;
	t.server = serve_tls("STARTTLS\nAUTH LOGIN", false, RULES({"AUTH LOGIN", "334 VXNlcm5hbWU6", 0}, {"YWxpY2U=", "334 UGFzc3dvcmQ6", 0}, {"c2VjcmV0", "235 ok", 0}));
	assert_true(client_trust(t.certificate, NULL));
	use_smarthost("starttls");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void scram_is_preferred(void **state)
{
	(void)state;
	snprintf(t.certificate, sizeof t.certificate, "%s/fake.pem", t.data);
	smtp_fake_certificate(t.certificate, "smart.test");
	assert_true(client_trust(t.certificate, NULL));
	t.server = smtp_fake_start(&(struct smtp_fake_options){.extensions = "STARTTLS\nAUTH PLAIN SCRAM-SHA-256", .certificate = t.certificate, .scram_password = "secret"});
	use_smarthost("starttls");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH PLAIN"), 0);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH SCRAM-SHA-256"), 1);
}

static void passwords_need_trusted_tls(void **state)
{
	(void)state;
	t.server = serve_tls("STARTTLS\nAUTH PLAIN", false, NULL, 0); /* this certificate nobody trusts */
	use_smarthost("starttls");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_connections(t.server) >= 2);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH"), 0);
	assert_int_equal(smtp_fake_messages(t.server), 0);
	assert_int_equal(waiting(), 1);
}

static void unverified_tls_may_be_allowed(void **state)
{
	(void)state;
	t.server = serve_tls("STARTTLS\nAUTH PLAIN", false, RULES({"AUTH", "235 ok", 0}));
	use_smarthost("opportunistic\nsmarthost_unverified_password = yes");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void no_password_in_clear_text(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "AUTH PLAIN LOGIN", NULL, 0);
	use_smarthost("opportunistic\nsmarthost_unverified_password = yes");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_connections(t.server) >= 2);
	assert_int_equal(smtp_fake_heard(t.server, "AUTH"), 0);
	assert_int_equal(smtp_fake_messages(t.server), 0);
}

/* ---- Servers that make no sense ---- */

static void nonsense_is_survived(void **state)
{
	(void)state;
	char *endless = memset(arena_alloc(t.arena, 5001), 'x', 5000);
	struct buf lines = BUF(100000);
	for (int i = 0; i < 300; i++)
		buf_append_text(&lines, "250-more\r\n");
	buf_append_text(&lines, "250 end");
	t.server = serve(NULL, 0, "PIPELINING", RULES({"(connect)", "HELLO", 1}, {"(connect)", endless, 1}, {"EHLO", lines.at, 1}, {"MAIL", "250-a\r\n550 b", 1},
			 {"RCPT", "(close)", 1}, {"DATA", "250 already", 1}, {"(data)", "354 again", 1}, {"(data)", "\x01\x02\xff", 1}));
	configure("reply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
	assert_int_equal(mailbox_count("alice@here.test", "INBOX"), 0);
	buf_free(&lines);
}

static void silence_is_waited_for_and_no_longer(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "PIPELINING", RULES({"(connect)", "(silence)", 1}));
	configure("reply_timeout = 1\n");
	post("alice@here.test", "carol@far.test");
	start();
	eventually(waiting() == 0);
	assert_int_equal(smtp_fake_messages(t.server), 1);
}

static void stopping_does_not_wait_for_others(void **state)
{
	(void)state;
	t.server = serve(NULL, 0, "PIPELINING", RULES({"(connect)", "(silence)", 0}));
	configure("reply_timeout = 300\n");
	for (int i = 0; i < 20; i++)
		post("alice@here.test", "carol@far.test");
	start();
	eventually(smtp_fake_connections(t.server) > 0);
	int64_t began = clock_monotonic_ms();
	courier_stop(&t.courier, 1);
	assert_true(clock_monotonic_ms() - began < 5000);
	struct queue_message *list;
	size_t count;
	assert_true(queue_list(t.queue, &(struct queue_filter){0}, t.arena, &list, &count, NULL));
	assert_int_equal(count, 20);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(list[i].recipients[0].attempts, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mail_reaches_mailboxes),
		CASE(a_repeated_delivery_changes_nothing),
		CASE(many_messages_to_many),
		CASE(copies_share_one_file),
		CASE(large_letters_arrive),
		CASE(nobody_is_a_report),
		CASE(reports_come_in_the_senders_language),
		CASE(strangers_words_are_not_sent_to_others),
		CASE(reports_are_not_reported),
		CASE(a_full_mailbox_defers_and_then_fails),
		CASE(without_auth_mail_waits),
		CASE(mail_goes_out),
		CASE(old_servers_are_spoken_to),
		CASE(servers_that_hang_up_at_ehlo_are_spoken_to),
		CASE(servers_that_refuse_ehlo_and_hang_up_are_spoken_to),
		CASE(helo_is_not_said_where_tls_is_required),
		CASE(connections_are_used_again),
		CASE(a_dead_idle_connection_costs_nothing),
		CASE(the_next_host_is_tried),
		CASE(a_busy_host_is_passed_over),
		CASE(each_recipient_has_its_own_fate),
		CASE(nobody_accepted_is_no_message), CASE(a_report_that_takes_long_holds_up_no_verdict),
		CASE(a_thousand_refusals_are_told), CASE(what_is_known_at_the_end_is_told),
		CASE(too_many_recipients_are_split),
		CASE(a_lost_final_reply_is_tried_later),
		CASE(blank_lines_are_passed_over),
		CASE(long_and_odd_final_replies_are_taken),
		CASE(an_unreadable_end_is_not_repeated_for_ever),
		CASE(refusals_are_not_counted_as_unsure),
		CASE(time_runs_out),
		CASE(a_server_with_our_name_is_us),
		CASE(farewells_come_anywhere),
		CASE(returned_text_holds_no_nul),
		CASE(a_clock_that_was_ahead_delays_nothing),
		CASE(dead_ends_come_back_at_once),
		CASE(size_is_checked_before_sending),
		CASE(internationalised_addresses),
		CASE(text_is_written_for_who_takes_only_ascii),
		CASE(long_lines_go_to_nobody),
		CASE(binary_bodies_go_by_bdat_or_encoded),
		CASE(headers_that_need_smtputf8_are_found_in_parts),
		CASE(success_is_reported_where_it_was_asked_for),
		CASE(aliases_lead_out),
		CASE(a_wrong_target_is_told_to_the_postmaster),
		CASE(big_messages_stream),
		CASE(tls_is_used_when_offered),
		CASE(broken_tls_is_done_without),
		CASE(starttls_may_fail_in_any_way),
		CASE(hosts_with_broken_tls_are_remembered),
		CASE(tls_that_is_demanded_is_waited_for),
		CASE(required_tls_is_not_done_without),
		CASE(passwords_need_trusted_tls),
		CASE(smarthosts_are_signed_in_to),
		CASE(login_works_as_well),
		CASE(scram_is_preferred),
		CASE(unverified_tls_may_be_allowed),
		CASE(no_password_in_clear_text),
		CASE(nonsense_is_survived),
		CASE(silence_is_waited_for_and_no_longer),
		CASE(stopping_does_not_wait_for_others),
	};
	int failed = cmocka_run_group_tests_name("courier", tests, NULL, NULL);
	config_free_all();
	return failed;
}
