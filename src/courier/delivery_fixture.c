/* Queue, store, names, servers and people of the tests; see delivery_fixture.h. */
#include "courier/delivery_fixture.h"

#include <ftw.h>

#include "base/memory.h"

struct delivery_fixture t;

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

struct auth people;

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

bool auth_signing_keys(struct auth *auth, struct slice domain, struct arena *arena, struct auth_signing_key **keys, size_t *count)
{
	(void)domain, (void)arena;
	*keys = NULL;
	*count = 0;
	return !auth->away;
}

bool auth_sign(struct auth *auth, struct slice domain, struct slice selector, const unsigned char digest[AUTH_DIGEST_SIZE], struct buf *signature)
{
	(void)auth, (void)domain, (void)selector, (void)digest, (void)signature;
	return false;
}

bool auth_forward_sender(struct auth *auth, struct slice from, struct slice via, struct arena *arena, struct slice *out)
{
	(void)via, (void)arena;
	*out = from;
	return !auth->away;
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
	} else if (slice_equal(name, SLICE("both"))) {
		add_route(arena, routes, count, true, "alice@here.test", SLICE(""));
		add_route(arena, routes, count, true, "bob@here.test", SLICE(""));
	} else if (slice_equal(name, SLICE("flawed"))) {
		add_route(arena, routes, count, true, "bob@here.test", SLICE(""));
		add_wrong_route(arena, routes, count, "gone@here.test");
	} else if (slice_equal(name, SLICE("postmaster")))
		add_route(arena, routes, count, true, "alice@here.test", SLICE(""));
	else if (slice_equal(name, SLICE("away")))
		add_route(arena, routes, count, false, "moved@far.test", SLICE(""));
	else
		return error_set(error, ERROR_NOT_FOUND, "nobody");
	for (size_t i = 0; i < *count; i++)
		if (slice_equal((*routes)[i].address, SLICE("bob@here.test")))
			(*routes)[i].thresholds = auth->bobs;
	return true;
}

/* Answers when the answer is taken. */
struct auth_question { struct auth *auth; char address[320]; };

struct auth_question *auth_resolve_begin(struct auth *auth, struct slice address)
{
	struct auth_question *question = memory_new(sizeof *question);
	question->auth = auth;
	snprintf(question->address, sizeof question->address, "%.*s", SLICE_ARG(address));
	return question;
}

bool auth_resolve_end(struct auth_question **question, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error)
{
	bool done = auth_resolve((*question)->auth, slice_of((*question)->address), arena, routes, count, error);
	free(*question);
	*question = NULL;
	return done;
}

enum auth_language auth_language(struct auth *auth, struct slice address)
{
	while (auth->silent)
		usleep(1000);
	return slice_equal(address, SLICE("bob@here.test")) ? LANGUAGE_RU : LANGUAGE_EN;
}

enum auth_sender_right auth_may_send_as(struct auth *auth, struct auth_wait *wait, struct slice account, struct slice address)
{
	(void)auth, (void)wait;
	return slice_equal(account, address) ? SENDER_OWN : SENDER_OTHERS;
}

enum auth_recipient_kind auth_recipient(struct auth *auth, struct auth_wait *wait, struct slice address, struct auth_recipient_facts *facts)
{
	(void)wait, (void)facts;
	return auth->away ? RECIPIENT_TEMPORARY : slice_ends_nocase(address, SLICE("@here.test")) ? RECIPIENT_LOCAL : RECIPIENT_FOREIGN;
}

/* ---- Setting up ---- */

void configure(const char *more)
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

struct smtp_fake *serve(const char *address, int port, const char *extensions, const struct smtp_fake_rule *rules, size_t count)
{
	return smtp_fake_start(&(struct smtp_fake_options){.address = address, .port = port, .extensions = extensions, .rules = rules, .rule_count = count});
}

void serve_friendly(const struct smtp_fake_rule *rules, size_t count)
{
	t.server = serve(NULL, 0, FRIENDLY, rules, count);
	configure("");
}

int begin(void **state)
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
	people.bobs = (struct config_thresholds){0};
	configure("");
	return 0;
}

static void poke(void *context)
{
	(void)context;
	courier_poke(t.courier);
}

void start(void)
{
	t.courier = courier_start(&(struct courier_options){.auth = &people, .dns = t.dns, .queue = t.queue, .store = t.store, .data = t.data});
	queue_on_commit(t.queue, poke, NULL);
}

void stop(void)
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

int end(void **state)
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

int64_t post_message(struct queue_message message, struct slice body, const struct letter_to *to, size_t count)
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

void post(const char *from, const char *to)
{
	post_message((struct queue_message){.from = slice_of(from)}, hello, TO({to, 0, NULL}));
}

uint64_t waiting(void)
{
	uint64_t messages = 0, recipients = 0;
	assert_true(queue_count(t.queue, &messages, &recipients, NULL));
	return recipients;
}

struct slice read_mailbox(const char *account_name, const char *name, size_t *count)
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

size_t mailbox_count(const char *account, const char *name)
{
	size_t count;
	read_mailbox(account, name, &count);
	return count;
}

bool holds(struct slice text, const char *part)
{
	return slice_find(text, slice_of(part)) != SLICE_NONE;
}

void assert_report(const char *part)
{
	size_t count;
	struct slice text = read_mailbox("alice@here.test", "INBOX", &count);
	if (!holds(text, part))
		fail_msg("no \"%s\" in: %.*s", part, SLICE_ARG(text));
}
