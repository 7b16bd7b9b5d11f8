/* The plan of the house (config/roles.def) is whole: every row names what is there, and no two rows the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>

#include "base/map.h"
#include "main/role.h"

/* Fails if the text was seen before. */
static void once(struct map *seen, const char *text)
{
	assert_true(text && *text);
	if (map_put(seen, slice_of(text), seen))
		fail_msg("%s is there twice", text);
}

static bool is_folder(const char *name)
{
	bool found = false;
	for (size_t i = 0; i < CONFIG_FOLDER_COUNT; i++)
		found |= slice_equal(slice_of(config_folders[i].name), slice_of(name));
	return found;
}

static void roles_are_whole(void **state)
{
	(void)state;
	struct map *seen = map_new();
	unsigned announced = 0, heard = 0;
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		const struct role_row *row = &role_rows[i];
		once(seen, role_names[i]);
		assert_non_null(row->main);
		assert_true(row->stop > 0);
		assert_true(row->rights.folder || row->rights.store || row->rights.listeners || row->rights.network || row->rights.log || row->rights.commands ||
			    i == ROLE_SPELLER); /* something it is there for: that one has words alone */
		assert_true(!row->rights.folder || is_folder(row->rights.folder));
		announced |= row->announces;
		heard |= row->hears;
	}
	assert_int_equal(heard & ~announced, 0); /* nobody listens in vain */
	assert_int_equal(announced, (1U << BUS_TOPICS) - 1);
	map_free(&seen);
}

static void services_are_whole(void **state)
{
	(void)state;
	struct map *seen = map_new(), *ports = map_new();
	for (const struct service_row *row = service_rows; row < service_rows + SERVICE_COUNT; row++) {
		const struct option *option = config_option(slice_of(row->option));
		once(seen, row->name);
		assert_true(option && option->kind == OPTION_KIND_LIST && option->offset == row->offset);
		assert_int_equal(option->effect, EFFECT_ROLES + row->role); /* its role starts anew when its listeners change */
		assert_true(role_rows[row->role].rights.listeners);
		assert_true(!row->implicit_tls || role_rows[row->role].tls);
		assert_true(row->local || (row->dev_port > 1024 && row->port < 1024));
		uint32_t numbers[] = {row->port, row->dev_port};
		for (size_t i = 0; i < 2; i++)
			assert_true(numbers[i] == 0 || !map_put(ports, slice_make((const char *)&numbers[i], sizeof numbers[i]), seen));
		assert_non_null(serving_rows[row - service_rows].protocol);
	}
	map_free(&ports);
	map_free(&seen);
}

/* A service's protocol has one role: another process would have to understand it, too. */
static void a_protocol_is_spoken_by_one_role(void **state)
{
	(void)state;
	for (size_t i = 0; i < SERVICE_COUNT; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(serving_rows[i].protocol != serving_rows[k].protocol || service_rows[i].role == service_rows[k].role);
}

/* When a change of an option counts is said by the roles' names. */
static void effects_have_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < EFFECT_COUNT; i++)
		assert_non_null(option_effects[i]);
	for (size_t i = 0; i < ROLE_COUNT; i++)
		assert_true(slice_find(slice_of(option_effects[EFFECT_ROLES + i]), slice_of(role_names[i])) != SLICE_NONE);
	for (size_t i = 0; i < config_option_count; i++)
		assert_true(config_options[i].effect < EFFECT_COUNT);
}

static void channels_have_two_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < CHANNEL_COUNT; i++) {
		const struct channel_row *row = &channel_rows[i];
		assert_true(row->from < ROLE_COUNT && row->to < ROLE_COUNT && row->from != row->to);
		assert_true(role_rows[row->from].stop <= role_rows[row->to].stop); /* who is asked outlives who asks */
		for (size_t k = 0; k < i; k++) /* role_channel() finds one */
			assert_false(channel_rows[k].kind == row->kind && channel_rows[k].from == row->from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_are_whole),
		cmocka_unit_test(services_are_whole),
		cmocka_unit_test(a_protocol_is_spoken_by_one_role),
		cmocka_unit_test(channels_have_two_ends),
		cmocka_unit_test(effects_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
