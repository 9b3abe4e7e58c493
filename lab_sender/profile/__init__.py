"""profile/: what one site's messages look like, as YAML."""

from .code_maps import MappedCode
from .layers import builtin_names
from .model import Profile
from .site_profile import Outcome, SiteProfile, builtin, read

__all__ = ["MappedCode", "Outcome", "Profile", "SiteProfile", "builtin", "builtin_names", "read"]
