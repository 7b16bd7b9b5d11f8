/* Who is signed in: a list that any thread may look through, and the end of sessions whose right has ended. The list is guarded by
 * the server's lock; ending means that a flag is set, which the owner of the connection obeys: the loop, where it waits, or the
 * worker that runs its command, between two pieces of work. A client that a worker is busy with for longer than
 * SESSION_END_MS is cut off at its socket. */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/internal.h"

void conn_set_doing(struct conn *conn, const char *doing) { conn->doing = doing; }

void conn_set_client(struct conn *conn, struct slice name)
{
	name = slice_sub(name, 0, SESSION_CLIENT_MAX);
	char *client = name.len > 0 ? memory_copy(name.at, name.len) : NULL;
	pthread_mutex_lock(&conn->server->lock);
	free(conn->client);
	conn->client = client;
	conn->client_len = name.len;
	pthread_mutex_unlock(&conn->server->lock);
}

/* With the lock held. */
static void unlink_session(struct conn *conn)
{
	struct server *server = conn->server;
	*(conn->previous_session ? &conn->previous_session->next_session : &server->first_session) = conn->next_session;
	*(conn->next_session ? &conn->next_session->previous_session : &server->last_session) = conn->previous_session;
	conn->previous_session = conn->next_session = NULL;
	free(conn->account);
	conn->account = NULL;
}

/* With the lock held. */
static void link_session(struct conn *conn)
{
	struct server *server = conn->server;
	conn->previous_session = server->last_session;
	*(server->last_session ? &server->last_session->next_session : &server->first_session) = conn;
	server->last_session = conn;
}

void conn_sign_in(struct conn *conn, struct slice account, int64_t identity, int64_t credential)
{
	struct conn_tls tls;
	conn_tls(conn, &tls);
	pthread_mutex_lock(&conn->server->lock);
	if (conn->account)
		unlink_session(conn);
	conn->account = memory_copy(account.at, account.len);
	conn->account_len = account.len;
	conn->identity = identity;
	conn->credential = credential;
	conn->tls_version = tls.version;
	link_session(conn);
	pthread_mutex_unlock(&conn->server->lock);
}

void net_session_forget(struct conn *conn)
{
	pthread_mutex_lock(&conn->server->lock);
	if (conn->account)
		unlink_session(conn);
	pthread_mutex_unlock(&conn->server->lock);
}

void conn_sign_out(struct conn *conn) { net_session_forget(conn); }

/* With the lock held. */
static struct conn_session describe(const struct conn *conn)
{
	return (struct conn_session){
		.id = conn->id, .account = slice_make(conn->account, conn->account_len), .identity = conn->identity, .credential = conn->credential,
		.protocol = conn->protocol->name, .address = slice_of(conn->peer_text), .since = conn->since, .tls = conn->tls_version,
		.client = slice_make(conn->client, conn->client_len), .doing = slice_of(conn->doing), .busy = conn->busy,
	};
}

void server_visit_sessions(struct server *server, void (*visit)(void *context, const struct conn_session *session), void *context)
{
	pthread_mutex_lock(&server->lock);
	for (const struct conn *conn = server->first_session; conn; conn = conn->next_session)
		if (!conn->ended) {
			struct conn_session session = describe(conn);
			visit(context, &session);
		}
	pthread_mutex_unlock(&server->lock);
}

static void log_end(const struct conn_session *session, struct slice reason)
{
	log_info("session.ended", log_id("session", session->id), log_slice("account", session->account), log_text("service", session->protocol),
		 log_slice("address", session->address), log_slice("reason", reason));
}

size_t server_end_sessions(struct server *server, bool (*which)(void *context, const struct conn_session *session), void *context, struct slice reason)
{
	size_t count = 0;
	pthread_mutex_lock(&server->lock);
	for (struct conn *conn = server->first_session; conn; conn = conn->next_session) {
		struct conn_session session = describe(conn);
		if (conn->ended || !which(context, &session))
			continue;
		conn->ended = true;
		log_end(&session, reason);
		count++;
	}
	if (count > 0) {
		server->sessions_ended = true;
		uv_async_send(&server->posted);
	}
	pthread_mutex_unlock(&server->lock);
	return count;
}

/* ---- In the loop ---- */

static void dismiss_all(struct server *server, bool late)
{
	for (struct conn *conn = server->connections, *next; conn; conn = next) {
		next = conn->next;
		if (conn->ended)
			conn_dismiss(conn, late);
	}
}

static void on_dismissal(uv_timer_t *timer)
{
	dismiss_all(timer->data, true);
}

void net_sessions_dismiss(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	bool any = server->sessions_ended;
	server->sessions_ended = false;
	pthread_mutex_unlock(&server->lock);
	if (!any)
		return;
	dismiss_all(server, false);
	uv_timer_start(&server->dismissal, on_dismissal, SESSION_END_MS, 0);
}
