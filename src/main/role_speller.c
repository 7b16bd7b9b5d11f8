/* The speller role: says which words are wrong, and what may have been meant (speller/speller.h). It runs a large library over what people write, and so has nothing that could be taken from it: no file
 * but the system's, no key, no way to anybody but the web role, which asks it. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "main/role.h"
#include "speller/speller.h"

/* Nobody asks any more: the master stops this role after web. */
static void stop(void *context, int seconds)
{
	(void)seconds;
	eventfd_write(*(int *)context, 1);
}

static void tell_what_is_missing(void)
{
	unsigned installed = speller_installed();
	for (enum speller_language i = 0; i < SPELLER_LANGUAGES; i++)
		if (!(installed >> i & 1))
			log_info("speller.missing", log_text("language", speller_languages[i].tag), log_text("package", speller_languages[i].package));
}

int role_speller_main(struct role *role)
{
	struct error error;
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		memory_exhausted(0);
	if (!role_confine(role, &error))
		role_fail(role, &error);
	role_serve(role, stop, &stop_fd);
	tell_what_is_missing();
	speller_serve(role_channel(role, CHANNEL_SPELLER), stop_fd);
	role_end(role);
	close(stop_fd);
	return 0;
}
