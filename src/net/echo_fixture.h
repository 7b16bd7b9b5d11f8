/* For tests of the server: a small line protocol that uses everything a protocol can (quick and blocking units, answers in parts, files,
 * STARTTLS, waking, delays, limits), a server of it in a thread of its own, and a client. */
#ifndef NET_ECHO_FIXTURE_H
#define NET_ECHO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/fixture.h"
#include "net/internal.h"

enum { MAX_LINE = 1000, BIG = 300000, BIG_FILE = 3000000, NEWS = 100000, NEWS_MAX = 300, PRINTED = 2 * OUTPUT_HIGH, ASKED_MAX = 1000 };

struct session {
	struct conn *conn;
	int part;
	bool asked;                     /* it said ASK */
	bool light;                     /* it said LIGHT: there is nothing to end */
	_Atomic bool answered;
};

extern struct session *_Atomic waiting;   /* the session that said WAIT */
extern struct session *asked[ASKED_MAX];  /* sessions that wait for an answer */
extern _Atomic int asked_count, asked_again; /* … how many; runs of a unit that waits */
extern _Atomic int closed_sessions;
extern _Atomic pthread_t closed_by;       /* the thread that closed the last one */
extern _Atomic bool working;              /* a session that said WORK has a thread until this is false */
extern _Atomic bool crowding;             /* the same for CROWD and LONGCROWD, for any number */
extern _Atomic int news_told;
extern _Atomic int refusals;              /* so many times more sockets take nothing */
extern _Atomic int empty_reads;           /* attempts that found nothing to read */
extern _Atomic int open_filters, rests;   /* of FILTER, below */
extern const struct net_protocol echo_protocol;

struct fixture {
	struct tls_server *tls;
	struct server *server;
	pthread_t thread;
	int port, tls_port;
};

/** Before and after each test. */
int set_up(void **state);
int tear_down(void **state);
/** Serves in the thread that calls it; for pthread_create(). */
void *run_server(void *server);
void wait_until_closed(int count);

int dial(int port);
void say(int fd, const char *text);
/** Reads exactly what `text` says, within twenty seconds. */
void expect(int fd, const char *text);
/** Reads `count` bytes, whatever they are; each part within twenty seconds. */
void pass_over(int fd, size_t count);
SSL *tls_client(SSL_CTX *context, int fd);
void tls_expect(SSL *ssl, const char *answer);
void tls_say(SSL *ssl, const char *text, const char *answer);

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
