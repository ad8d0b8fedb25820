#include "CSQLite.h"

#include <sqlite3.h>

int denwa_sqlite_without_memory_figures(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
