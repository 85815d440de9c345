"""Currency: in which currency should this dealer be invoiced?"""
