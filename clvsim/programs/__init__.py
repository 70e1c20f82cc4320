"""Programs: what is done to customers, one file each; ``AnyProgram`` is chosen by ``kind``."""

from typing import Annotated

from pydantic import Field

from clvsim.programs.add_on import AddOn
from clvsim.programs.base import Program
from clvsim.programs.brand_campaign import BrandCampaign
from clvsim.programs.loyalty import Loyalty
from clvsim.programs.nurture import Nurture
from clvsim.programs.onboarding import Onboarding
from clvsim.programs.price_change import PriceChange
from clvsim.programs.retention import Retention

AnyProgram = Annotated[
    AddOn | BrandCampaign | Loyalty | Nurture | Onboarding | PriceChange | Retention,
    Field(discriminator="kind"),
]

__all__ = ["AnyProgram", "Program"]
