/* libFuzzer: any bytes as a configuration file; what was read must come out again the same when it is written. */
#include <assert.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error;
	struct config *config = config_parse(slice_make((const char *)data, size), "fuzz", &error);
	if (!config)
		return 0;
	struct buf first = BUF(16 * 1024 * 1024), second = BUF(16 * 1024 * 1024);
	config_write_file(&first, config);
	struct config *again = config_parse(buf_slice(&first), "again", &error);
	assert(again);
	config_write_file(&second, again);
	assert(slice_equal(buf_slice(&first), buf_slice(&second)));
	buf_free(&first);
	buf_free(&second);
	config_free(&again);
	config_free(&config);
	return 0;
}
