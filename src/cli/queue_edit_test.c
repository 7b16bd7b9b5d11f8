/* What the option --via of `queue edit` takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/queue_edit.h"

static void servers_have_a_port(void **state)
{
	(void)state;
	static const struct { const char *text, *server; } cases[] = {
		{"mx.example.test", "mx.example.test:25"}, {"mx.example.test:2525", "mx.example.test:2525"}, {"192.0.2.1", "192.0.2.1:25"}, {"[2001:db8::1]", "[2001:db8::1]:25"},
		{"[2001:db8::1]:26", "[2001:db8::1]:26"}, {"", ""},
		{"mx.example.test:", NULL}, {"mx.example.test:0", NULL}, {"mx.example.test:70000", NULL}, {":25", NULL}, {"a b", NULL}, {"[x]", NULL}, {"2001:db8::1", NULL}, {"-x", NULL}, {"a\nb", NULL},
	};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice server;
		struct error error;
		bool done = cli_queue_edit_server(slice_of(cases[i].text), arena, &server, &error);
		if (done != (cases[i].server != NULL) || (done && !slice_equal(server, slice_of(cases[i].server))))
			fail_msg("%s", cases[i].text);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(servers_have_a_port)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
