/* Entries of the option `dns_update`: what they mean, what is wrong with those that mean nothing, and which of several counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "config/config_dns_update.h"

static void entries_are_read(void **state)
{
	(void)state;
	struct config_dns_update update;
	struct error error;
	assert_true(config_parse_dns_update(SLICE("example.org 192.0.2.53 key=pombal. secret=dns.key"), &update, &error));
	assert_true(slice_equal(update.zone, SLICE("example.org")) && slice_equal(update.key, SLICE("pombal")) && slice_equal(update.secret, SLICE("dns.key")));
	assert_int_equal(update.address.ss_family, AF_INET);
	assert_int_equal(ntohs(((struct sockaddr_in *)&update.address)->sin_port), 53);
	assert_int_equal(update.algorithm, CONFIG_HMAC_SHA256);
	assert_int_equal(update.ttl, 3600);
	assert_true(config_parse_dns_update(SLICE(" xn--bcher-kva.example. 2001:db8::53@5353 ttl=5m algorithm=HMAC-SHA512 secret=/etc/key key=a_b.c "), &update, &error));
	assert_true(slice_equal(update.zone, SLICE("xn--bcher-kva.example")) && slice_equal(update.place, SLICE("2001:db8::53@5353")));
	assert_int_equal(ntohs(((struct sockaddr_in6 *)&update.address)->sin6_port), 5353);
	assert_int_equal(update.algorithm, CONFIG_HMAC_SHA512);
	assert_int_equal(update.ttl, 300);
}

static void what_means_nothing_is_refused(void **state)
{
	(void)state;
	static const struct { const char *entry, *words; } bad[] = {
		{"", "name of a zone"}, {"example.org", "address of a name server"}, {"example..org 192.0.2.53 key=a secret=b", "name of a zone"}, {"büch.example 192.0.2.53 key=a secret=b", "xn--"},
		{"example.org ns.example.org key=a secret=b", "address of a name server"}, {"example.org 192.0.2.53@0 key=a secret=b", "address of a name server"},
		{"example.org 192.0.2.53@65536 key=a secret=b", "address of a name server"}, {"example.org 192.0.2.53", "are needed"}, {"example.org 192.0.2.53 key=a", "are needed"},
		{"example.org 192.0.2.53 secret=b", "are needed"}, {"example.org 192.0.2.53 key= secret=b", "name of a key"}, {"example.org 192.0.2.53 key=a secret=", "path of a file"},
		{"example.org 192.0.2.53 key=a secret=b algorithm=hmac-md5", "hmac-sha384"}, {"example.org 192.0.2.53 key=a secret=b ttl=0", "a time"}, {"example.org 192.0.2.53 key=a secret=b ttl=2w", "a time"},
		{"example.org 192.0.2.53 key=a secret=b key=c", "twice"}, {"example.org 192.0.2.53 key=a secret=b more", "no setting"},
	};
	struct config_dns_update update;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct error error = {0};
		if (config_parse_dns_update(slice_of(bad[i].entry), &update, &error) || !strstr(error.text, bad[i].words))
			fail_msg("%s: %s", bad[i].entry, error.text);
	}
}

static void the_longest_counts(void **state)
{
	(void)state;
	struct error error;
	struct config_dns_update update;
	struct config *config = config_parse(SLICE("dns_update = {\"example.org 192.0.2.1 key=a secret=a\", \"sub.example.org 192.0.2.2 key=b secret=b\", \"org 192.0.2.3 key=c secret=c\"}\n"), "test.conf", &error);
	assert_non_null(config);
	static const struct { const char *name, *key; } cases[] = {
		{"example.org", "a"}, {"_dmarc.EXAMPLE.org", "a"}, {"sub.example.org", "b"}, {"x.y.sub.example.org", "b"}, {"xsub.example.org", "a"}, {"myexample.org", "c"}, {"org", "c"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(config_find_dns_update(config, slice_of(cases[i].name), &update));
		assert_true(slice_equal(update.key, slice_of(cases[i].key)));
	}
	assert_false(config_find_dns_update(config, SLICE("example.net"), &update));
	assert_false(config_find_dns_update(config, SLICE(""), &update));
	config_free(&config);
	assert_null(config_parse(SLICE("\ndns_update = \"example.org nowhere key=a secret=a\"\n"), "test.conf", &error));
	assert_non_null(strstr(error.text, "test.conf:2: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(entries_are_read), cmocka_unit_test(what_means_nothing_is_refused), cmocka_unit_test(the_longest_counts)};
	return cmocka_run_group_tests_name("config_dns_update", tests, NULL, NULL);
}
