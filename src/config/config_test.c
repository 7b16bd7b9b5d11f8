/* The configuration: defaults, values, mistakes with their lines, and that a written file reads the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/config.h"

static struct config *parse(const char *text, struct error *error)
{
	*error = (struct error){0};
	return config_parse(slice_of(text), "pombal.conf", error);
}

static void assert_refused(const char *text, const char *line, const char *reason)
{
	struct error error;
	struct config *config = parse(text, &error);
	assert_null(config);
	if (!slice_starts(slice_of(error.text), slice_of(line)) || slice_find(slice_of(error.text), slice_of(reason)) == SLICE_NONE)
		fail_msg("got \"%s\", expected %s … %s", error.text, line, reason);
}

static void defaults_come_from_the_table(void **state)
{
	(void)state;
	struct error error;
	struct config *config = parse("", &error);
	assert_non_null(config);
	assert_string_equal(config->hostname, "localhost");
	assert_int_equal(config->mx_port, 25);
	assert_int_equal(config->max_message, 50 * 1024 * 1024);
	assert_int_equal(config->retry_schedule.count, 8);
	assert_string_equal(config->retry_schedule.at[0], "5m");
	assert_false(config->plaintext_auth);
	config_free(&config);
	assert_null(config);
}

static void every_default_passes_its_own_check(void **state)
{
	(void)state;
	struct error error;
	struct buf text = BUF(1 << 20);
	for (size_t i = 0; i < config_option_count; i++) {
		if (config_options[i].kind == OPTION_KIND_SECTION)
			continue;
		buf_printf(&text, "%s = ", config_options[i].name);
		config_write_value(&text, NULL, &config_options[i]);
		buf_append_char(&text, '\n');
	}
	struct config *config = config_parse(buf_slice(&text), "defaults", &error);
	if (!config)
		fail_msg("%s", error.text);
	config_free(&config);
	buf_free(&text);
}

static const char *as_it_is(void *context, const char *sentence)
{
	(void)context;
	return sentence;
}

/* The file, the manual and the list that people read name for each option when a change of it takes effect. */
static void every_option_says_when_a_change_takes_effect(void **state)
{
	(void)state;
	struct buf manual = BUF(1 << 20), file = BUF(1 << 20), row = BUF(4096);
	config_write_manual(&manual, &(struct config_words){.of = as_it_is, .upper = true});
	config_write_file(&file, config_current());
	for (size_t i = 0; i < config_option_count; i++) {
		const struct option *option = &config_options[i];
		if (option->kind == OPTION_KIND_SECTION)
			continue;
		assert_in_range(option->effect, 0, EFFECT_COUNT - 1);
		buf_clear(&row);
		buf_printf(&row, ".B %s\n", option->name);
		size_t at = slice_find(buf_slice(&manual), buf_slice(&row));
		assert_int_not_equal(at, SLICE_NONE);
		struct slice entry = slice_skip(buf_slice(&manual), at + row.len);
		entry = slice_sub(entry, 0, slice_find(entry, SLICE(")\n.")));
		assert_true(slice_ends_nocase(entry, slice_of(option_effects[option->effect])));
		buf_clear(&row);
		buf_printf(&row, "# A change: %s.\n#%s = ", option_effects[option->effect], option->name);
		assert_int_equal(slice_find(buf_slice(&file), buf_slice(&row)) == SLICE_NONE, option->effect == EFFECT_LIVE);
	}
	buf_free(&manual);
	buf_free(&file);
	buf_free(&row);
	config_free_all();
}

static void equal_values_are_found_equal(void **state)
{
	(void)state;
	struct error error;
	struct config *one = parse("smtp_listen = {\"127.0.0.1:25\"}\nmax_message = 1M", &error);
	struct config *other = parse("smtp_listen = {\"127.0.0.1:25\"}\nmax_message = 1024K\nlog_keep = 11", &error);
	assert_true(config_same_value(one, other, config_option(SLICE("smtp_listen"))));
	assert_false(config_same_value(one, NULL, config_option(SLICE("smtp_listen"))));
	assert_true(config_same_value(one, other, config_option(SLICE("max_message"))));
	assert_false(config_same_value(one, other, config_option(SLICE("log_keep"))));
	assert_true(config_same_value(one, NULL, config_option(SLICE("log_keep"))));
	config_free(&one);
	config_free(&other);
}

static void passwords_need_verified_tls(void **state)
{
	(void)state;
	struct error error;
	static const char host[] = "smarthost = \"mx.example.org:587\"\n", user[] = "smarthost_user = \"a\"\n";
	static const struct { const char *host, *user, *more; bool good; } cases[] = {
		{host, user, "", true}, {host, user, "smarthost_tls = implicit", true}, {host, user, "smarthost_tls = none", false},
		{host, user, "smarthost_tls = opportunistic", false},
		{host, user, "smarthost_tls = opportunistic\nsmarthost_unverified_password = yes", true},
		{host, user, "smarthost_tls = none\nsmarthost_unverified_password = yes", false},
		{host, "", "smarthost_tls = none", true}, {"", user, "smarthost_tls = none", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[400];
		snprintf(text, sizeof text, "%s%s%s\n", cases[i].host, cases[i].user, cases[i].more);
		struct config *config = parse(text, &error);
		assert_int_equal(config != NULL, cases[i].good);
		config_free(&config);
	}
}

static void values_are_read(void **state)
{
	(void)state;
	struct error error;
	struct config *config = parse("# comment\n"
				      "hostname = mail.example.org\n"
				      "max_message = 25M  // another\n"
				      "retry_for = 3d\n"
				      "connect_timeout = \"1m30s\"\n"
				      "plaintext_auth = yes\n"
				      "smtp_listen = {\"0.0.0.0:25\",\n  \"[::]:25\"}\n"
				      "retry_schedule = {\"1s\", \"2s\"}\n"
				      "relay_networks = {\"192.0.2.0/24\", \"2001:db8::/32\", \"127.0.0.1\"}\n"
				      "resolver = \"127.0.0.1@5353\"\n",
				      &error);
	if (!config)
		fail_msg("%s", error.text);
	assert_string_equal(config->hostname, "mail.example.org");
	assert_int_equal(config->max_message, 25 * 1024 * 1024);
	assert_int_equal(config->retry_for, 3 * 86400);
	assert_int_equal(config->connect_timeout, 90);
	assert_true(config->plaintext_auth);
	assert_int_equal(config->smtp_listen.count, 2);
	assert_string_equal(config->smtp_listen.at[1], "[::]:25");
	assert_int_equal(config->retry_schedule.count, 2);
	assert_int_equal(config->relay_networks.count, 3);
	assert_string_equal(config->relay_networks.at[2], "127.0.0.1");
	config_free(&config);
}

static void mistakes_name_file_and_line(void **state)
{
	(void)state;
	assert_refused("hostname = a\n\nnonsense = 1\n", "pombal.conf:3: ", "nonsense");
	assert_refused("mx_port = 70000\n", "pombal.conf:1: ", "not between 1 and 65535");
	assert_refused("# x\nmx_port = twenty\n", "pombal.conf:2: ", "not a number");
	assert_refused("/* a\n b */ # c\n// \"d\nhostname = \"#a\\\"/*\" # e\n", "pombal.conf:4: ", "\"#a\"/*\" is not a host name");
	assert_refused("mx_port = -1\n", "pombal.conf:1: ", "not a number");
	assert_refused("\nmax_message = 25X\n", "pombal.conf:2: ", "size");
	assert_refused("smtp_listen = {\"0.0.0.0:25\",\n\"localhost:25\"}\n", "pombal.conf:2: ", "address with a port");
	assert_refused("hostname = \"a b\"\n", "pombal.conf:1: ", "host name");
	assert_refused("plaintext_auth = maybe\n", "pombal.conf:1: ", "neither yes nor no");
	assert_refused("smarthost_user = \"a\\nb\"\n", "pombal.conf:1: ", "control character");
	assert_refused("provider_name = \"\xff\"\n", "pombal.conf:1: ", "UTF-8");
	assert_refused("provider_page = \"example.org/mail\"\n", "pombal.conf:1: ", "not a URL");
	assert_refused("provider_page = \"https://example.org/a b\"\n", "pombal.conf:1: ", "not a URL");
	assert_refused("hostname = {\n", "pombal.conf:", "");
	assert_refused("hostname = \"unfinished\n", "pombal.conf:", "");
	struct error error;
	assert_null(config_parse(SLICE("mx_port = 25\0\n"), "pombal.conf", &error));
}

static void an_empty_list_has_no_default(void **state)
{
	(void)state;
	struct error error;
	struct config *config = parse("acme_labels = {}\nretry_schedule = {\"1s\"}\n", &error);
	assert_non_null(config);
	assert_int_equal(config->acme_labels.count, 0);
	assert_int_equal(config->retry_schedule.count, 1);
	assert_true(config->acme_challenge.count > 0); /* which it doesn't name */
	config_free(&config);
}

static void lists_can_be_extended(void **state)
{
	(void)state;
	struct error error;
	struct config *config = parse("smtp_listen = {\"127.0.0.1:1\"}\nsmtp_listen += {\"127.0.0.1:2\"}\n", &error);
	if (!config)
		fail_msg("%s", error.text);
	assert_int_equal(config->smtp_listen.count, 2);
	assert_string_equal(config->smtp_listen.at[1], "127.0.0.1:2");
	config_free(&config);
}

static void what_stands_twice_is_refused_with_both_lines(void **state)
{
	(void)state;
	assert_refused("hostname = a.test\nmx_port = 26\n\nhostname = b.test\n", "pombal.conf:4: hostname", "line 1");
	assert_refused("mx_port = 26 mx_port = 26", "pombal.conf:1: mx_port", "line 1");
	assert_refused("relay_networks = {\"192.0.2.0/24\",\n\"198.51.100.0/24\"}\nrelay_networks = {}\n", "pombal.conf:3: relay_networks", "line 1");
	assert_refused("# hostname = x\nhostname = 'a'\n/* hostname = y\n*/ hostname = \"b\"\n", "pombal.conf:4: hostname", "line 2");
	assert_refused("smtp_listen = {\"127.0.0.1:25\",\n \"127.0.0.1:25\"}", "pombal.conf:2: smtp_listen", "line 1");
	assert_refused("smtp_listen = {\"127.0.0.1:25\"}\nimap_listen = {127.0.0.1:25}", "pombal.conf:2: imap_listen", "smtp_listen, line 1");
	assert_refused("smtp_listen = {\"127.0.0.1:25\"}\nimap_listen = {\"0.0.0.0:25\"}", "pombal.conf:2: imap_listen", "smtp_listen, line 1");
	assert_refused("smtp_listen = {\"[::1]:25\"}\nsmtp_listen += {\"[0::1]:25\"}", "pombal.conf:2: smtp_listen", "line 1");
}

static void what_only_looks_like_twice_is_taken(void **state)
{
	(void)state;
	struct error error;
	struct config *config = parse("smtp_listen = {\"127.0.0.1:25\"}\n# smtp_listen = {}\nsmtp_listen += {\"[::1]:25\", 127.0.0.2:25, \"127.0.0.1:0\", \"127.0.0.1:0\"}\n"
				      "imap_listen = {\"127.0.0.1:143\"}\nimaps_listen = {\"[::]:143\"}\nsmarthost_user = \"hostname = x\"\nhostname = 'a.test'\n", &error);
	if (!config)
		fail_msg("%s", error.text);
	assert_int_equal(config->smtp_listen.count, 5);
	assert_string_equal(config->smarthost_user, "hostname = x");
	config_free(&config);
}

static void durations_and_sizes(void **state)
{
	(void)state;
	int64_t n;
	assert_true(config_parse_duration(SLICE("0"), &n) && n == 0);
	assert_true(config_parse_duration(SLICE("2w"), &n) && n == 1209600);
	assert_true(config_parse_duration(SLICE("1h30m"), &n) && n == 5400);
	assert_false(config_parse_duration(SLICE(""), &n));
	assert_false(config_parse_duration(SLICE("5x"), &n));
	assert_false(config_parse_duration(SLICE("m"), &n));
	assert_false(config_parse_duration(SLICE("1h30"), &n));
	assert_false(config_parse_duration(SLICE("9007199254740992w"), &n));
	assert_false(config_parse_duration(SLICE("99999999999999999999"), &n));
	assert_true(config_parse_size(SLICE("2G"), &n) && n == INT64_C(2) << 30);
	assert_true(config_parse_size(SLICE("64k"), &n) && n == 65536);
	assert_false(config_parse_size(SLICE("9007199254740992G"), &n));
	assert_true(config_parse_size(SLICE("1T"), &n) && n == INT64_C(1) << 40);
	assert_true(config_parse_size(SLICE("500MB"), &n) && n == 500 << 20);
	assert_true(config_parse_size(SLICE("2gib"), &n) && n == INT64_C(2) << 30);
	assert_false(config_parse_size(SLICE("1KBB"), &n));
	assert_false(config_parse_size(SLICE("5B"), &n));
	assert_false(config_parse_size(SLICE("1Gi"), &n));
	assert_false(config_parse_size(SLICE("1.5G"), &n));
}

static void addresses_and_networks(void **state)
{
	(void)state;
	struct sockaddr_storage address;
	unsigned bits;
	assert_true(config_parse_listen(SLICE("127.0.0.1:0"), &address) && address.ss_family == AF_INET);
	assert_true(config_parse_listen(SLICE("[::1]:993"), &address) && address.ss_family == AF_INET6);
	assert_false(config_parse_listen(SLICE("::1:993"), &address));
	assert_false(config_parse_listen(SLICE("[127.0.0.1]:993"), &address));
	assert_false(config_parse_listen(SLICE("127.0.0.1"), &address));
	assert_false(config_parse_listen(SLICE("127.0.0.1:65536"), &address));
	assert_true(config_parse_network(SLICE("10.0.0.0/8"), &address, &bits) && bits == 8);
	assert_true(config_parse_network(SLICE("::1"), &address, &bits) && bits == 128);
	assert_false(config_parse_network(SLICE("10.0.0.0/33"), &address, &bits));
	assert_false(config_parse_network(SLICE("10.0.0/8"), &address, &bits));
}

/* Networks and addresses that are written so mean the IPv4 clients that they name; who comes through an IPv6 socket is one of them, too. */
static void four_in_six_is_four(void **state)
{
	(void)state;
	struct sockaddr_storage address, client;
	unsigned bits;
	assert_true(config_parse_listen(SLICE("[::ffff:127.0.0.1]:25"), &address) && address.ss_family == AF_INET);
	assert_false(config_parse_listen(SLICE("::ffff:127.0.0.1:25"), &address));
	assert_true(config_parse_address(SLICE("::FFFF:7f00:1"), &address) && address.ss_family == AF_INET);
	assert_true(config_parse_network(SLICE("::ffff:192.0.2.0/120"), &address, &bits) && address.ss_family == AF_INET && bits == 24);
	assert_true(config_parse_network(SLICE("::ffff:0:0/96"), &address, &bits) && address.ss_family == AF_INET && bits == 0);
	assert_false(config_parse_network(SLICE("::ffff:0:0/95"), &address, &bits)); /* neither the one nor the other */
	assert_false(config_parse_network(SLICE("::ffff:192.0.2.0/129"), &address, &bits));
	const char *entries[] = {"::ffff:192.0.2.0/120"};
	struct config_string_list networks = {.at = entries, .count = 1};
	assert_true(config_parse_address(SLICE("192.0.2.7"), &client) && config_networks_hold(&networks, &client));
	assert_true(config_parse_address(SLICE("192.0.3.7"), &client) && !config_networks_hold(&networks, &client));
	assert_true(config_parse_address(SLICE("2001:db8::1"), &client) && !config_networks_hold(&networks, &client));
}

static void a_written_file_reads_the_same(void **state)
{
	(void)state;
	struct error error;
	struct buf first = BUF(1 << 20), second = BUF(1 << 20);
	struct config *config = parse("hostname = mx.example.org\nretry_schedule = {1s}\nsmarthost_user = 'a$\"b\\\\c'\nmax_message = 1025\n", &error);
	if (!config)
		fail_msg("%s", error.text);
	assert_string_equal(config->smarthost_user, "a$\"b\\c");
	config_write_file(&first, config);
	struct config *again = config_parse(buf_slice(&first), "written", &error);
	if (!again)
		fail_msg("%s", error.text);
	assert_string_equal(again->smarthost_user, config->smarthost_user);
	config_write_file(&second, again);
	assert_true(slice_equal(buf_slice(&first), buf_slice(&second)));
	config_free(&config);
	config_free(&again);
	buf_free(&first);
	buf_free(&second);
}

static void the_current_configuration_is_never_null(void **state)
{
	(void)state;
	struct error error;
	assert_string_equal(config_current()->hostname, "localhost");
	const struct config *former = config_current();
	config_set_current(parse("hostname = b", &error));
	assert_string_equal(config_current()->hostname, "b");
	assert_string_equal(former->hostname, "localhost"); /* still readable for who began with it */
	config_free_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_come_from_the_table), cmocka_unit_test(every_default_passes_its_own_check),
		cmocka_unit_test(every_option_says_when_a_change_takes_effect), cmocka_unit_test(equal_values_are_found_equal),
		cmocka_unit_test(passwords_need_verified_tls), cmocka_unit_test(values_are_read),
		cmocka_unit_test(mistakes_name_file_and_line),
		cmocka_unit_test(an_empty_list_has_no_default),
		cmocka_unit_test(lists_can_be_extended),	cmocka_unit_test(durations_and_sizes),
		cmocka_unit_test(addresses_and_networks),	cmocka_unit_test(four_in_six_is_four),		cmocka_unit_test(a_written_file_reads_the_same),
		cmocka_unit_test(the_current_configuration_is_never_null),
		cmocka_unit_test(what_stands_twice_is_refused_with_both_lines), cmocka_unit_test(what_only_looks_like_twice_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
