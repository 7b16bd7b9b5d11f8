/* Tests of what the acme role may have of the master: what needs a key, for names of this server alone, whoever asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/key.h"
#include "acme/sets.h"
#include "auth/directory.h"
#include "base/file.h"
#include "config/config.h"
#include "main/acme_keys.h"
#include "main/apart.h"

static char folder[64], former[4096];
static struct identity owner;
static struct arena *arena;

static int set_up(void **state)
{
	(void)state;
	struct error error;
	struct auth_domain_entry domain = {.name = SLICE("example.net")};
	snprintf(folder, sizeof folder, "/tmp/pombal-acme-keys-XXXXXX");
	if (!mkdtemp(folder) || !getcwd(former, sizeof former) || chdir(folder) != 0 || mkdir("directory", 0700) != 0)
		return -1;
	config_set_current(config_parse(SLICE("hostname = \"Mail.example.org\"\nacme = \"yes\"\nacme_names = {\"*.wild.example.org\", \"192.0.2.1\"}\n"
					      "dns_update = {\"example.org 127.0.0.1 key=pombal secret=dns.key\"}\n"), "test", &error));
	struct directory *directory = directory_open(folder, &error);
	if (!directory || !directory_add_domain(directory, &domain, &error))
		return -1;
	directory_close(&directory);
	arena = arena_new();
	return identity_of(folder, &owner, &error) && file_replace("dns.key", SLICE("QUJDREVGR0hJSktMTU5PUA==\n"), 0600, &error) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	config_free_all();
	return chdir(former) == 0 ? nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

/* As the master does, in a process of its own. */
static bool ask(const char *verb, const char *arguments, const char *payload, struct slice *answer, struct error *error)
{
	struct acme_keys_question question = {slice_of(verb), slice_of(arguments), slice_of(payload), folder, &owner};
	struct buf out = BUF(ACME_KEYS_ANSWER_MAX);
	*error = (struct error){0};
	bool done = apart_run(acme_keys_answer, &question, &out, error);
	*answer = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return done;
}

static void assert_refused(const char *verb, const char *arguments, const char *payload, const char *words)
{
	struct slice answer;
	struct error error;
	if (ask(verb, arguments, payload, &answer, &error) || slice_find(slice_of(error.text), slice_of(words)) == SLICE_NONE)
		fail_msg("%s %s: %s", verb, arguments, error.text);
	assert_int_equal(answer.len, 0);
}

static struct slice get(const char *verb, const char *arguments, const char *payload)
{
	struct slice answer;
	struct error error;
	if (!ask(verb, arguments, payload, &answer, &error))
		fail_msg("%s %s: %s", verb, arguments, error.text);
	return answer;
}

static void names_are_this_servers(void **state)
{
	(void)state;
	struct acme_set *sets;
	size_t count;
	assert_true(acme_sets_read(get("sets", "", ""), arena, &sets, &count));
	assert_int_equal(count, 2);
	assert_true(slice_equal(sets[0].id, SLICE("mail.example.org")) && sets[0].count == 3 && acme_set_allows(&sets[0], SLICE("*.wild.example.org")));
	assert_true(slice_equal(sets[1].id, SLICE("example.net")) && acme_set_allows(&sets[1], SLICE("mta-sts.example.net")) &&
		    !acme_set_allows(&sets[1], SLICE("example.net")));
}

static void others_names_get_nothing(void **state)
{
	(void)state;
	assert_refused("request", "mail.example.org 0", "mail.example.org\nbank.example\n", "bank.example is no name of this server's");
	assert_refused("request", "mail.example.org 0", "mta-sts.example.net\n", "no name of this server's");
	assert_refused("request", "bank.example 0", "bank.example\n", "no sense");
	assert_refused("request", "../../../etc/x 0", "mail.example.org\n", "no sense");
	assert_refused("request", "mail.example.org 0", "", "no sense");
	assert_refused("prove", "http-01 bank.example token", "", "no name of this server's");
	assert_refused("prove", "tls-alpn-01 bank.example token", "", "no name of this server's");
	assert_refused("prove", "http-01 mail.example.org a/../b", "", "no sense");
	assert_refused("prove", "http-01 mail.example.org a b\nc d", "", "no sense");
	assert_refused("prove", "dns-01 mail.example.org token", "", "no sense");
	assert_refused("secret", "bank.example", "", "no name of this server's");
	assert_refused("secret", "example.org", "", "no name of this server's");
	assert_refused("keep", "mail.example.org", "bank.example\n\nchain", "no name of this server's");
	assert_refused("sign", "short", "", "no digest");
	assert_refused("export", "account.key", "", "knows no such question");
}

static void its_own_names_get_what_they_need(void **state)
{
	(void)state;
	assert_true(slice_starts(get("prove", "http-01 mail.example.org abc", ""), SLICE("abc abc.")));
	/* Whoever looks at an address asks for its reverse name (RFC 8738 §6). */
	assert_true(slice_find(get("prove", "tls-alpn-01 192.0.2.1 abc", ""), SLICE(" 1.2.0.192.in-addr.arpa\n-----BEGIN CERTIFICATE-----")) != SLICE_NONE);
	assert_true(acme_is_base64url(get("sign", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "")));
	assert_true(slice_equal(get("secret", "wild.example.org", ""), SLICE("QUJDREVGR0hJSktMTU5PUA==")));
	struct slice account = get("account", "", "");
	assert_true(slice_equal(account, get("account", "", ""))); /* the same key again */
	get("note", "", "a note\n");
	assert_true(slice_equal(get("noted", "", ""), SLICE("a note\n")));
}

/* No answer has a private key, but the one of a challenge's own certificate. */
static void no_key_goes_out(void **state)
{
	(void)state;
	assert_true(acme_is_base64url(get("request", "mail.example.org 0", "mail.example.org\n")));
	struct slice answers[] = {get("sets", "", ""), get("account", "", ""), get("request", "mail.example.org 1", "mail.example.org\n"), get("noted", "", "")};
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		assert_true(slice_find(answers[i], SLICE("PRIVATE")) == SLICE_NONE);
	struct stat status;
	assert_int_equal(stat(ACME_FOLDER "/mail.example.org.next", &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(stat(ACME_FOLDER "/account.key", &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_chain_of_another_key_is_not_kept(void **state)
{
	(void)state;
	struct error error;
	struct buf chain = BUF(ACME_PEM_MAX), key = BUF(ACME_KEY_MAX);
	assert_true(acme_alpn_make(SLICE("mail.example.org"), SLICE("x"), &chain, &key, &error)); /* as any chain of a key that isn't ours */
	assert_refused("keep", "mail.example.org", arena_printf(arena, "mail.example.org\n\n%.*s", SLICE_ARG(buf_slice(&chain))).at, "of another key");
	assert_refused("keep", "mail.example.org", "mail.example.org\n\nrubbish", "reading a chain");
	assert_int_equal(access(ACME_FOLDER "/mail.example.org.pem", F_OK), -1);
	buf_free(&chain);
	buf_free(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_this_servers),
		cmocka_unit_test(others_names_get_nothing),
		cmocka_unit_test(its_own_names_get_what_they_need),
		cmocka_unit_test(no_key_goes_out),
		cmocka_unit_test(a_chain_of_another_key_is_not_kept),
	};
	return cmocka_run_group_tests_name("acme_keys", tests, set_up, tear_down);
}
