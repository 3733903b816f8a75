"""The shell: tasks, timers, bounded buffers and the driver that pumps core and connections."""
