/* A directory with some domains and accounts, in either database, for its tests. */
#ifndef AUTH_DIRECTORY_FIXTURE_H
#define AUTH_DIRECTORY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <argon2.h>
#include <cmocka.h>

#include "auth/credentials.h"
#include "auth/directory_internal.h"
#include "auth/password.h"
#include "auth/test_folder.h"
#include "auth/wire.h"
#include "base/memory.h"
#include "config/config.h"
#include "store/db/fixture.h"

struct fixture {
	struct test_folder folder;
	char storage[DB_FIXTURE_STORAGE_MAX];
	struct directory *directory;
	struct arena *arena;
	struct error error;
};

static inline struct slice S(const char *text) { return slice_of(text); }

static inline int set_up(void **state)
{
	struct fixture *f = memory_new(sizeof *f);
	test_folder_make(&f->folder);
	f->directory = directory_open_in(f->folder.path, db_fixture_storage(f->storage), &f->error);
	if (!f->directory)
		fail_msg("%s", f->error.text);
	f->arena = arena_new();
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("Example.test")}, &f->error));
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("second.test")}, &f->error));
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("alias.test"), .alias_of = SLICE("example.test")}, &f->error));
	const char *const names[] = {"alice@example.test", "Bob@example.test", "postmaster@example.test", "carol@second.test"};
	for (size_t i = 0; i < 4; i++)
		assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = S(names[i]), .enabled = true}, &f->error));
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	directory_close(&f->directory);
	db_fixture_forget(f->storage, "directory");
	arena_free(&f->arena);
	test_folder_remove(&f->folder);
	free(f);
	return 0;
}

static inline bool add_alias(struct fixture *f, const char *address, size_t count, const char *const *targets)
{
	struct slice *list = arena_array(f->arena, count, sizeof *list);
	for (size_t i = 0; i < count; i++)
		list[i] = S(targets[i]);
	return directory_add_alias(f->directory, &(struct auth_alias_entry){S(address), list, count}, &f->error);
}

#define ALIAS(f, address, ...) add_alias(f, address, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *[]){__VA_ARGS__})

/* The routes as one line: "alice@example.test+detail ->remote@x". */
static inline const char *routes_of(struct fixture *f, const char *address)
{
	struct auth_route *routes;
	size_t count;
	struct buf line = BUF(1 << 20);
	if (!directory_resolve(f->directory, S(address), f->arena, &routes, &count, &f->error))
		return f->error.kind == ERROR_NOT_FOUND ? "nobody" : f->error.text;
	for (size_t i = 0; i < count; i++)
		buf_printf(&line, "%s%s%.*s%s%.*s", i ? " " : "", routes[i].local ? "" : routes[i].problem ? "!" : "->", SLICE_ARG(routes[i].address),
			   routes[i].detail.len ? "+" : "", SLICE_ARG(routes[i].detail));
	const char *text = arena_text(f->arena, buf_slice(&line));
	buf_free(&line);
	return text;
}

static inline enum auth_recipient_kind kind_of(struct fixture *f, const char *address)
{
	return directory_recipient(f->directory, S(address), NULL);
}

static inline int64_t identity_of(struct fixture *f, const char *name, const char *wanted_why)
{
	const char *why;
	int64_t identity;
	assert_true(directory_identity(f->directory, S(name), &identity, &why, &f->error));
	assert_string_equal(why ? why : "", wanted_why);
	assert_int_equal(identity == 0, why != NULL);
	return identity;
}

/* The names changed since then, as one line; "…" before them if there were more. */
static inline const char *changed_after(struct fixture *f, int64_t *after)
{
	struct slice *names;
	size_t count;
	bool all;
	struct buf line = BUF(1 << 20);
	assert_true(directory_changes(f->directory, after, &all, f->arena, &names, &count, &f->error));
	buf_append_text(&line, all ? "" : "…");
	for (size_t i = 0; i < count && i < 10; i++)
		buf_printf(&line, "%s%.*s", i ? " " : "", SLICE_ARG(names[i]));
	const char *text = arena_text(f->arena, buf_slice(&line));
	buf_free(&line);
	return text;
}

#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
