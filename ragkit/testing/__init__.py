"""For tests of programs that use ragkit: scripted models and the pytest plugin. Never imported by the product."""
