"""What tests of every service share: servers, scratch databases and vhosts, waiting."""
