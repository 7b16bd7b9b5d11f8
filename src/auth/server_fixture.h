/* An auth role's server in a thread, with a directory of its own, and auth.h as another role uses it. For the tests of this folder. */
#ifndef AUTH_SERVER_FIXTURE_H
#define AUTH_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>

#include "auth/directory.h"
#include "auth/server.h"
#include "auth/test_folder.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"

enum { CHANNELS = 3, WEB_CHANNEL = 2 };

struct fixture {
	struct test_folder folder;
	struct auth_server *server;
	pthread_t thread;
	int ends[CHANNELS][2];     /* kept open across restarts, as the master does */
	struct auth *auth;         /* over channel 0 */
	struct directory *directory; /* as the command line has it open */
	struct arena *arena;
	void (*changed)(void *context, const struct auth_change *change); /* for the next start */
	void *changed_context;
	const struct auth_backend_kind *kind; /* likewise; NULL: the directory */
};

static inline void *serve(void *argument)
{
	auth_server_run(argument);
	return NULL;
}

static inline void start_server(struct fixture *f)
{
	struct error error;
	f->server = f->kind ? auth_server_new_for(f->kind, f->folder.path, &error) : auth_server_new(f->folder.path, &error);
	assert_non_null(f->server);
	for (int i = 0; i < CHANNELS; i++) {
		auth_server_add_channel(f->server, dup(f->ends[i][1]));
		if (i == 0)
			auth_server_let_sign(f->server);
		if (i != 1)
			auth_server_let_web(f->server);
	}
	auth_server_on_change(f->server, f->changed, f->changed_context);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f->server), 0);
}

static inline void stop_server(struct fixture *f)
{
	auth_server_stop(f->server);
	pthread_join(f->thread, NULL);
	auth_server_free(&f->server);
}

static inline void configure(const char *text)
{
	struct error error;
	struct config *config = config_parse(slice_of(text), "test", &error);
	assert_non_null(config);
	config_set_current(config);
}

static inline int set_up(void **state)
{
	struct fixture *f = memory_new(sizeof *f);
	struct error error;
	configure("auth_failures = 1000\nauth_failures_per_address = 0");
	test_folder_make(&f->folder);
	f->arena = arena_new();
	f->directory = directory_open(f->folder.path, &error);
	assert_true(directory_add_domain(f->directory, &(struct auth_domain_entry){.name = SLICE("example.test")}, &error));
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("alice@example.test"), .enabled = true}, &error));
	assert_true(directory_add_account(f->directory, &(struct auth_account_entry){.name = SLICE("bob@example.test"), .enabled = true}, &error));
	assert_true(directory_set_password(f->directory, SLICE("alice@example.test"), SLICE("wonderland"), &error));
	for (int i = 0; i < CHANNELS; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f->ends[i]), 0);
	start_server(f);
	f->auth = auth_open(dup(f->ends[0][0]));
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	auth_close(&f->auth);
	if (f->server)
		stop_server(f);
	for (int i = 0; i < CHANNELS; i++) {
		close(f->ends[i][0]);
		close(f->ends[i][1]);
	}
	directory_close(&f->directory);
	arena_free(&f->arena);
	test_folder_remove(&f->folder);
	free(f);
	return 0;
}

static inline struct sign_in_client client_at(const char *address)
{
	return (struct sign_in_client){.service = "imap", .address = slice_of(address), .session = id_new(), .encrypted = true};
}

static inline enum sign_in_status check_from(struct fixture *f, const char *address, const char *name, struct slice password, int *delay_ms)
{
	struct auth_account account;
	struct sign_in_client client = client_at(address);
	enum sign_in_status status = auth_check_password(f->auth, NULL, slice_of(name), password, &client, f->arena, &account, delay_ms);
	assert_true(slice_equal(account.name, status == SIGN_IN_DONE ? SLICE("alice@example.test") : SLICE("")));
	assert_int_equal(account.identity != 0, status == SIGN_IN_DONE);
	return status;
}

static inline enum sign_in_status check(struct fixture *f, const char *name, const char *password)
{
	int delay_ms;
	return check_from(f, "192.0.2.1", name, slice_of(password), &delay_ms);
}

#define AUTH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#define RUN_AUTH_TESTS(tests) \
	int failed = cmocka_run_group_tests(tests, NULL, NULL); \
	config_free_all(); \
	return failed

#endif
