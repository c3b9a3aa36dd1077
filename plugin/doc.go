// Package plugin is the borrower's Ansible plugins: folders that are pulled from git,
// pinned, and run on hosts that ssh reaches.
//
// A plugin is a folder:
//
//	site.yml          the playbook, a template of text/template: {{index . 0}} is the
//	                  first of the free ports that the host is given
//	hosts             an inventory, YAML or INI; of it the groups and the variables are
//	                  used, and the hosts are replaced
//	ports.json        {"NumOfPorts": n}; without it none
//	description.txt   what it does; may be missing
//
// and whatever else the playbook uses. Plugins live in a folder of the home:
//
//	NAME/             a plugin
//	NAME.pin.json     where it was pulled from, the commit, and the hash of its files;
//	                  without one it was put there by hand
//	ports.json        which ports of which container were given to which plugin
//	log/NAME/HOST     what the last run printed
//
// A playbook runs with the rights of who runs it, on the machine of who runs it: a
// pulled one is shown before its first run, and its files are checked against the hash
// before each. What runs is a copy in a folder of its own; the plugin's is never
// written to.
package plugin
