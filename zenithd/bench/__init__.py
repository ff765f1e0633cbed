"""`zenithd bench`: what the daemon can do on this machine, next to what the kernel and others can do.

Figures of one machine and one moment mean little; ratios of senders that were measured by turns mean much.
So every run holds its own yardstick: a sender in C that does nothing but what the kernel needs (`native/
kernel.c`). All senders deliver the same messages (`messages`) to the same reader (`native/reader.c`), which
checks every byte.

* `messages`: what is delivered, and in which order;
* `native`: compiles the two C programs;
* `reader`, `senders`: run the programs and speak with them;
* `fanout_sender`: zenithd's own fan-out as such a sender;
* `fanout`: rounds, medians, ratios; `whole`: the whole daemon, from a venue's payload;
* `report`: tables, JSON and the plot;
* `matching_flow`, `matching_engines`, `matching`: matching engines by turns; it needs none of these.
"""
