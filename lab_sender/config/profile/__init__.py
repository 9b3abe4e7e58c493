"""profile/: what one site's messages look like, as YAML."""

from lab_sender.config.profile.code_maps import MappedCode
from lab_sender.config.profile.layers import builtin_names
from lab_sender.config.profile.model import Profile
from lab_sender.config.profile.site_profile import Outcome, SiteProfile, builtin, read

__all__ = ["MappedCode", "Outcome", "Profile", "SiteProfile", "builtin", "builtin_names", "read"]
