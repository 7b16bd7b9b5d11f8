/* The queue role: puts into the queue what the smtp role hands in. So the smtp role, which talks to strangers, can add to the queue,
 * and neither read nor change what waits there; and mail is taken while the courier is busy, or ends and is started again. */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "main/role.h"
#include "queue/queue.h"

/* Tells the courier that there is work. A full channel means that it has been told often enough. */
static void poke_courier(void *context)
{
	struct role *role = context;
	ssize_t ignored = send(role_channel(role, CHANNEL_POKE), "new", strlen("new"), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)ignored;
}

/* Nobody hands in any more: the master stops this role after smtp. */
static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(*(int *)context, 1);
}

/* Who sends with the web role may want something back. */
static size_t list_clients(const struct role *role, struct queue_client clients[QUEUE_CLIENTS_MAX])
{
	size_t count = 0;
	for (int i = 0; i < CHANNEL_COUNT && count < QUEUE_CLIENTS_MAX; i++)
		if (channel_rows[i].kind == CHANNEL_HANDIN && role->channels[i] >= 0)
			clients[count++] = (struct queue_client){.channel = role->channels[i], .withdraws = channel_rows[i].from == ROLE_WEB};
	return count;
}

int role_queue_main(struct role *role)
{
	struct error error;
	struct queue *queue = NULL;
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		memory_exhausted(0);
	if (!role_confine(role, &error) || !(queue = queue_open(role->data, QUEUE_KEEPER, &error)))
		role_fail(role, &error);
	queue_on_commit(queue, poke_courier, role);
	role_serve(role, stop, &stop_fd);
	struct queue_client clients[QUEUE_CLIENTS_MAX];
	queue_serve(queue, clients, list_clients(role, clients), stop_fd);
	role_end(role);
	queue_close(&queue);
	close(role_channel(role, CHANNEL_POKE));
	close(stop_fd);
	return 0;
}
