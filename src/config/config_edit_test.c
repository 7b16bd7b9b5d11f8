/* Unit tests of changing one option in the text of a pombal.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>

#include "config/config_edit.h"

enum { TEXT_MAX = 100000 };

static struct error error;

/* The text with the option set to the value, NULL: not set; or "" if it was refused. */
static const char *edited(const char *text, const char *name, const char *value)
{
	static char result[TEXT_MAX + 1];
	const struct option *option = config_option(slice_of(name));
	struct buf written = BUF(TEXT_MAX), out = BUF(TEXT_MAX);
	bool done = (!value || config_edit_value(option, slice_of(value), &written, &error)) && config_edit(slice_of(text), option, buf_slice(&written), &out, &error);
	snprintf(result, sizeof result, "%.*s", done ? (int)out.len : 0, done ? out.at : "");
	buf_free(&written);
	buf_free(&out);
	return result;
}

static void a_value_is_put_in_the_place_of_another(void **state)
{
	(void)state;
	assert_string_equal(edited("# mine\nworkers = 5 # few\nhostname = \"a.example\"\n", "workers", "7"), "# mine\nworkers = 7 # few\nhostname = \"a.example\"\n");
	assert_string_equal(edited("imap_listen = {\"127.0.0.1:1143\",\n  # and\n  \"[::1]:1143\"}\nworkers=5", "imap_listen", "{\"127.0.0.1:2143\"}"),
			    "imap_listen = {\"127.0.0.1:2143\"}\nworkers=5");
	assert_string_equal(edited("hostname = \"a # b = {\"\n", "workers", "7"), ""); /* that isn't a host's name */
}

static void what_isnt_there_is_added(void **state)
{
	(void)state;
	assert_string_equal(edited("hostname = a.example", "workers", "7"), "hostname = a.example\nworkers = 7\n");
	assert_string_equal(edited("", "workers", "7"), "workers = 7\n");
	assert_string_equal(edited("# How many.\n#workers = 64\n\n# ---- Other ----\n", "workers", "7"), "# How many.\n#workers = 64\nworkers = 7\n\n# ---- Other ----\n");
}

static void a_setting_goes_with_its_line(void **state)
{
	(void)state;
	assert_string_equal(edited("workers = 5\nhostname = a.example\n", "workers", NULL), "hostname = a.example\n");
	assert_string_equal(edited("workers = 5 # few\nhostname = a.example\n", "workers", NULL), " # few\nhostname = a.example\n");
}

static void texts_need_no_quotes(void **state)
{
	(void)state;
	assert_string_equal(edited("", "hostname", "b.example"), edited("", "hostname", "\"b.example\""));
}

static void nothing_else_is_changed(void **state)
{
	static const char *const wrong[][2] = {
		{"workers", "5 hostname = evil.example"}, {"workers", "5\nhostname = evil.example"}, {"hostname", "\"a.example\" workers = 1"}, {"workers", "0"}, {"workers", ""},
		{"imap_listen", "{\"nowhere\"}"}, {"imap_listen", "{\"127.0.0.1:1\""}, {"hostname", "a b"}, {"workers", "{5}"}, {"http_idle_time", "soon"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (edited("log_keep = 3\n", wrong[i][0], wrong[i][1])[0])
			fail_msg("taken: %s = %s", wrong[i][0], wrong[i][1]);
	assert_string_equal(edited("imap_listen = {\"127.0.0.1:1143\"}\nimap_listen += {\"127.0.0.1:1144\"}\n", "imap_listen", "{\"127.0.0.1:2143\"}"), "");
	assert_string_equal(edited("workers = \n", "hostname", "a.example"), ""); /* what is no configuration stays for its owner to mend */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_put_in_the_place_of_another), cmocka_unit_test(what_isnt_there_is_added), cmocka_unit_test(a_setting_goes_with_its_line),
		cmocka_unit_test(texts_need_no_quotes), cmocka_unit_test(nothing_else_is_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
