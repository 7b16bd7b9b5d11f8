/* Entries of the option `engines`: what they mean, and what is wrong with those that mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "config/config_engine.h"

static void entries_are_read(void **state)
{
	(void)state;
	struct config_engine engine;
	struct error error;
	assert_true(config_parse_engine(SLICE("clamd 127.0.0.1:3310 timeout=30 down=defer"), &engine, &error));
	assert_int_equal(engine.kind, CONFIG_ENGINE_CLAMD);
	assert_string_equal(engine.name, "clamd");
	assert_int_equal(((struct sockaddr_in *)&engine.address)->sin_port, htons(3310));
	assert_int_equal(engine.timeout, 30);
	assert_int_equal(engine.down, CONFIG_ENGINE_DEFER);
	assert_int_equal(engine.max, 25 * 1024 * 1024);
	assert_true(config_parse_engine(SLICE(" icap  [::1]:1344 service=avscan name=second.scanner max=1M weight=0.5 down=tag "), &engine, &error));
	assert_string_equal(engine.name, "second.scanner");
	assert_string_equal(engine.service, "avscan");
	assert_int_equal(engine.weight, 50);
	assert_int_equal(engine.max, 1024 * 1024);
	assert_int_equal(config_engine_address_length(&engine), sizeof(struct sockaddr_in6));
	assert_true(config_parse_engine(SLICE("rspamd /run/rspamd.sock"), &engine, &error));
	assert_string_equal(((struct sockaddr_un *)&engine.address)->sun_path, "/run/rspamd.sock");
	assert_int_equal(engine.down, CONFIG_ENGINE_ACCEPT);
	assert_int_equal(engine.weight, 100);
	assert_int_equal(engine.whose, CONFIG_ENGINE_STRANGERS);
	assert_true(config_parse_engine(SLICE("milter /x for=ours"), &engine, &error) && engine.whose == CONFIG_ENGINE_OURS);
	assert_true(config_parse_engine(SLICE("milter /x for=all"), &engine, &error) && engine.whose == CONFIG_ENGINE_ALL);
	assert_true(config_parse_engine(SLICE("milter /x for=strangers"), &engine, &error) && engine.whose == CONFIG_ENGINE_STRANGERS);
}

static void each_mistake_has_its_words(void **state)
{
	(void)state;
	static const struct {
		const char *entry, *words;
	} cases[] = {
		{"", "\"\" is no kind of engine: clamd, spamd, rspamd, icap or milter"},
		{"clam 127.0.0.1:1", "\"clam\" is no kind of engine: clamd, spamd, rspamd, icap or milter"},
		{"clamd", "\"\" is neither an address with a port, such as 127.0.0.1:3310 or [::1]:3310, nor the absolute path of a socket"},
		{"clamd 127.0.0.1", "\"127.0.0.1\" is neither an address with a port, such as 127.0.0.1:3310 or [::1]:3310, nor the absolute path of a socket"},
		{"clamd 127.0.0.1:0", "\"127.0.0.1:0\" is neither an address with a port, such as 127.0.0.1:3310 or [::1]:3310, nor the absolute path of a socket"},
		{"clamd localhost:3310", "\"localhost:3310\" is neither an address with a port, such as 127.0.0.1:3310 or [::1]:3310, nor the absolute path of a socket"},
		{"clamd /x slowly", "\"slowly\" is no setting of an engine: name=, service=, timeout=, down=, max=, weight= or for="},
		{"clamd /x timeout=0", "timeout: \"0\" is not a time of 1s to 10m"},
		{"clamd /x timeout=11m", "timeout: \"11m\" is not a time of 1s to 10m"},
		{"clamd /x timeout=3 timeout=4", "timeout is set twice"},
		{"clamd /x down=reject", "down: \"reject\" is not accept, tag or defer"},
		{"clamd /x max=0", "max: \"0\" is not a size such as 25M"},
		{"spamd /x weight=11", "weight: \"11\" is not a number of 0 to 10, such as 0.5"},
		{"spamd /x weight=10.5", "weight: \"10.5\" is not a number of 0 to 10, such as 0.5"},
		{"spamd /x weight=-1", "weight: \"-1\" is not a number of 0 to 10, such as 0.5"},
		{"spamd /x for=us", "for: \"us\" is not strangers, ours or all"},
		{"spamd /x name=a/b", "name: \"a/b\" is not at most 32 letters, digits and -_."},
		{"icap /x", "an icap engine needs the path of its service, such as service=avscan"},
		{"clamd /x service=avscan", "service: \"avscan\" is not the path of an icap engine's service, such as avscan"},
		{"icap /x service=a\tb", "service: \"a\tb\" is not the path of an icap engine's service, such as avscan"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct config_engine engine;
		struct error error = {0};
		assert_false(config_parse_engine(slice_of(cases[i].entry), &engine, &error));
		assert_string_equal(error.text, cases[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_read),
		cmocka_unit_test(each_mistake_has_its_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
